-- Who is connected to which node, when somebody was last, and who is still to be told of messages; the
-- tables of the SQLite schema, column for column. Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes.

create table node (
    id       bytea  not null primary key,
    alive_at bigint not null                 -- when it last said that it runs
);

create table presence (
    tenant  text collate "C" not null,
    user_id text collate "C" not null,
    node    bytea            not null,
    primary key (tenant, user_id, node)
);
create index presence_node on presence (node);

create table last_seen (
    tenant  text collate "C" not null,
    user_id text collate "C" not null,
    at      bigint           not null,
    primary key (tenant, user_id)
);

-- Topics with messages of which members who are not there may still have to be told: a row however many
-- members and messages there are.
create table message_notice (
    feed_id  bigint           not null primary key,
    tenant   text collate "C" not null,
    topic_id text collate "C" not null,
    up_to    bigint           not null,       -- the number of the newest message
    due_at   bigint           not null
);
create index message_notice_due on message_notice (due_at);

alter table topic_member add column notified_up_to bigint not null default 0;  -- of messages up to here
alter table topic_member add column notified_at bigint not null default 0;
alter table topic_member add column notification_id bytea;                      -- by this notification
