-- Who is connected to which node, and when somebody was last; the tables of the SQLite schema, column
-- for column. Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes.

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
