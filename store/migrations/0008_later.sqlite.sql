-- Sends that go out later.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes. A send with active = 2 waits until it is due.

alter table send add column due_at integer;        -- when it is looked at, if not at once
alter table send add column due_local text;   -- the recipients' date and time, where they are not alike
alter table send add column lives_ms integer;      -- from when it goes out until it expires
alter table send add column part_of blob;       -- the send that left these recipients for later
alter table send add column notification_id blob;  -- to one user: what the notification is called
alter table send add column phone blob;         -- a number that came along with it, sealed; until it has gone out
create index send_due on send (due_at) where active = 2;
create index send_phone on send (id) where phone is not null;
create index send_part on send (part_of) where part_of is not null;
