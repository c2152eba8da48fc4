-- The journal: everything the system reacted to, in the order it was taken. Never changed, never deleted here.
CREATE TABLE chain (
    chain_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('live', 'import', 'control')),
    epoch bigint NOT NULL DEFAULT 0,  -- whoever claims the chain raises it; an older holder can append nothing more
    seq bigint NOT NULL DEFAULT 0,
    digest bytea NOT NULL,
    holder text,
    claimed_at timestamptz
);
CREATE TABLE block (
    chain_id smallint NOT NULL REFERENCES chain,
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    committed_time timestamptz NOT NULL,
    entries integer NOT NULL,
    readings integer NOT NULL,
    merkle_root bytea NOT NULL,
    previous_digest bytea NOT NULL,
    header bytea NOT NULL,  -- the exact bytes that were hashed together with the previous digest
    digest bytea NOT NULL,
    PRIMARY KEY (chain_id, seq)
);
-- The entries as they came, compressed. May one day be dropped by a signed retention record; headers stay for ever.
CREATE TABLE block_body (
    chain_id smallint NOT NULL,
    seq bigint NOT NULL,
    raw bytea NOT NULL,
    PRIMARY KEY (chain_id, seq),
    FOREIGN KEY (chain_id, seq) REFERENCES block
);
-- What the block newly stored of one unit, decoded: what analytics reads.
CREATE TABLE block_unit (
    chain_id smallint NOT NULL,
    seq bigint NOT NULL,
    unit_id integer NOT NULL REFERENCES unit,
    readings integer NOT NULL,
    rows bytea NOT NULL,
    PRIMARY KEY (chain_id, seq, unit_id),
    FOREIGN KEY (chain_id, seq) REFERENCES block
);
CREATE TABLE block_tick (
    chain_id smallint NOT NULL,
    seq bigint NOT NULL,
    plant_time timestamptz NOT NULL,
    host_time timestamptz NOT NULL,
    rate double precision NOT NULL CHECK (rate > 0),  -- plant seconds a host second; 1 but in a demo
    PRIMARY KEY (chain_id, seq),
    FOREIGN KEY (chain_id, seq) REFERENCES block
);
CREATE INDEX block_tick_host_time ON block_tick (host_time);  -- what time it was in the plant at an instant
-- For how long at a stretch the broker sent to a chain's holder; host time. What is not covered is our own absence.
CREATE TABLE listening (
    chain_id smallint NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    block_seq bigint NOT NULL,  -- the block that said so first
    PRIMARY KEY (chain_id, since),
    FOREIGN KEY (chain_id, block_seq) REFERENCES block,
    CHECK (since <= until)
);
-- Compressed by us already.
ALTER TABLE block_body ALTER COLUMN raw SET STORAGE EXTERNAL;
ALTER TABLE block_unit ALTER COLUMN rows SET STORAGE EXTERNAL;

-- Work that one process at a time may do, and until when the one that has it may go without renewing.
CREATE TABLE slot (
    name text PRIMARY KEY,
    holder text NOT NULL,
    until timestamptz NOT NULL,
    filters text[],  -- what its session at the broker is subscribed to, once it is
    caught_up boolean NOT NULL DEFAULT false  -- whether nothing waits for its holder
);

CREATE TABLE event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL,
    unit_id integer NOT NULL REFERENCES unit,
    batch_id integer REFERENCES batch,
    unit_procedure_id integer REFERENCES unit_procedure,        -- the one it began, ended or had a phase in
    ended_unit_procedure_id integer REFERENCES unit_procedure,  -- the one it ended besides, as inferred
    kind text NOT NULL,
    source_time timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    body jsonb NOT NULL,
    note text,  -- what the start or end of an interval did besides: "ended CT-7 at A as inferred"
    digest bytea NOT NULL UNIQUE,  -- the same event twice changes nothing
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX event_block ON event (chain_id, block_seq);
CREATE INDEX event_batch ON event (batch_id, source_time);
CREATE INDEX event_unit_procedure ON event (unit_procedure_id);
CREATE INDEX event_ended_unit_procedure ON event (ended_unit_procedure_id) WHERE ended_unit_procedure_id IS NOT NULL;
ALTER TABLE correction ADD FOREIGN KEY (chain_id, block_seq) REFERENCES block;

CREATE TABLE quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id smallint NOT NULL,
    block_seq bigint NOT NULL,
    entry integer NOT NULL,
    topic text NOT NULL,
    item text NOT NULL,    -- which part of the message: "values.pH", "" for the whole
    code text NOT NULL,    -- the kind of fault, countable
    reason text NOT NULL,  -- a sentence naming the field and the value
    excerpt text NOT NULL, -- up to 1,000 characters; the whole message is in the journal
    received_time timestamptz NOT NULL,
    unit_id integer REFERENCES unit, -- whose reading it would have been, as far as that is known
    tag text,
    source_time timestamptz,
    digest bytea NOT NULL UNIQUE,
    FOREIGN KEY (chain_id, block_seq) REFERENCES block
);
CREATE INDEX quarantine_block ON quarantine (chain_id, block_seq);
CREATE INDEX quarantine_unit ON quarantine (unit_id, received_time);
CREATE INDEX quarantine_entry ON quarantine (chain_id, block_seq, entry);
-- What became of it, and who decided: a person asks, and ingest answers what it is asked to take again.
CREATE TABLE quarantine_decision (
    quarantine_id bigint NOT NULL REFERENCES quarantine,
    sequence integer NOT NULL CHECK (sequence > 0),
    state text NOT NULL CHECK (state IN ('open', 'requested', 'stored', 'replaced', 'set_aside')),
    actor text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    known_at timestamptz NOT NULL,
    PRIMARY KEY (quarantine_id, sequence)
);
CREATE VIEW quarantine_now AS
SELECT quarantine.*, coalesce(newest.state, 'open') AS state, coalesce(newest.sequence, 0) AS version,
    newest.actor AS decided_by, newest.reason AS decided_why, newest.known_at AS decided_at
FROM quarantine
LEFT JOIN (
    SELECT * FROM quarantine_decision AS decision
    WHERE NOT EXISTS (
        SELECT FROM quarantine_decision AS later
        WHERE later.quarantine_id = decision.quarantine_id AND later.sequence > decision.sequence
    )
) AS newest USING (quarantine_id);
-- How much was refused in a minute, of every topic and of all together ('#'), also what got no row in quarantine.
CREATE TABLE quarantine_minute (
    minute timestamptz NOT NULL,
    topic text NOT NULL,
    refused bigint NOT NULL,
    held_back bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (minute, topic)
);

GRANT INSERT, UPDATE (epoch, seq, digest, holder, claimed_at) ON chain
    TO batchwitness_ingest, batchwitness_analytics, batchwitness_api;
GRANT INSERT ON block, block_body, quarantine TO batchwitness_ingest, batchwitness_api;
GRANT INSERT ON block_unit, block_tick, event TO batchwitness_ingest;
GRANT INSERT ON quarantine_decision TO batchwitness_ingest, batchwitness_api;
GRANT INSERT, UPDATE (refused, held_back) ON quarantine_minute TO batchwitness_ingest;
GRANT INSERT, UPDATE ON slot TO batchwitness_ingest;
GRANT INSERT, UPDATE (until) ON listening TO batchwitness_ingest;
