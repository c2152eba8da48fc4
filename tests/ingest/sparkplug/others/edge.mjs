// An edge node of npm's sparkplug-client that does what JSON lines on its standard input tell it.
// The first line says where and who; it reports what it did and what it was asked for, one JSON line each.
// When its standard input ends it is gone at once, without a word to the broker.
import { createInterface } from 'node:readline'
import sparkplug from 'sparkplug-client'

const report = (what) => process.stdout.write(JSON.stringify(what) + '\n')
const metric = ({ name, type, value, time, historical, alias }) => ({
  name, type, value, timestamp: time, alias, isHistorical: historical || undefined
})

let edge
let device
let metrics = []

function publishBirths () {
  edge.publishNodeBirth({
    timestamp: Date.now(),
    metrics: [{ name: 'Node Control/Rebirth', type: 'Boolean', value: false }]
  })
  edge.publishDeviceBirth(device, { timestamp: Date.now(), metrics: metrics.map(metric) })
  report({ born: true })
}

function begin (site) {
  ({ device, metrics } = site)
  edge = sparkplug.newClient({
    serverUrl: `mqtt://${site.host}:${site.port}`,
    username: site.user,
    password: site.password,
    groupId: site.group,
    edgeNode: site.node,
    clientId: site.node,
    publishDeath: true,
    mqttOptions: { reconnectPeriod: 200 }
  })
  edge.on('birth', publishBirths)
  edge.on('ncmd', (payload) => {
    if (payload.metrics.some(({ name, value }) => name === 'Node Control/Rebirth' && value === true)) {
      report({ asked: true })
      publishBirths()
    }
  })
}

const doing = {
  data: (some) => edge.publishDeviceData(device, { timestamp: Date.now(), metrics: some.map(metric) }),
  lose: () => edge.incrementSeqNum(), // a number that is never seen
  end_device: () => edge.publishDeviceDeath(device, { timestamp: Date.now() }),
  cut: () => edge.client.stream.destroy(), // the library connects again by itself
  leave: () => edge.stop()
}

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line)
  if (edge === undefined) {
    begin(told)
  } else {
    const [what, how] = Object.entries(told)[0]
    doing[what](how)
    report({ done: what })
  }
}
process.exit(0)
