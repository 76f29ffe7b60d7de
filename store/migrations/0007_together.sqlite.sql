-- Who is connected to which node, when somebody was last, and who is still to be told of messages.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes.

create table node (
    id       blob    not null primary key,
    alive_at integer not null                -- when it last said that it runs
) without rowid;

create table presence (
    tenant  text not null,
    user_id text not null,
    node    blob not null,
    primary key (tenant, user_id, node)
) without rowid;
create index presence_node on presence (node);

create table last_seen (
    tenant  text    not null,
    user_id text    not null,
    at      integer not null,
    primary key (tenant, user_id)
) without rowid;

-- Topics with messages of which members who are not there may still have to be told: a row however many
-- members and messages there are.
create table message_notice (
    feed_id  integer not null primary key,
    tenant   text    not null,
    topic_id text    not null,
    up_to    integer not null,                -- the number of the newest message
    due_at   integer not null
);
create index message_notice_due on message_notice (due_at);

alter table topic_member add column notified_up_to integer not null default 0;  -- of messages up to here
alter table topic_member add column notified_at integer not null default 0;
alter table topic_member add column notification_id blob;                        -- by this notification
