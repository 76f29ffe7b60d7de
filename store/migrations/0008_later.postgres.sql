-- Sends that go out later; the tables of the SQLite schema, column for column.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes. A send with active = 2 waits until it is due.

alter table send add column due_at bigint;        -- when it is looked at, if not at once
alter table send add column due_local text collate "C";   -- the recipients' date and time, where they are not alike
alter table send add column lives_ms bigint;      -- from when it goes out until it expires
alter table send add column part_of bytea;       -- the send that left these recipients for later
alter table send add column notification_id bytea;  -- to one user: what the notification is called
alter table send add column phone bytea;         -- a number that came along with it, sealed; until it has gone out
create index send_due on send (due_at) where active = 2;
create index send_phone on send (id) where phone is not null;
create index send_part on send (part_of) where part_of is not null;
-- With the name behind the time, as SQLite's has by itself: of many that are due at once, the oldest are read without sorting all.
drop index send_active;
create index send_active on send (tenant, created_at, id) where active = 1;
