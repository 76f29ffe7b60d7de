-- Who is connected to which node, and when somebody was last.
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
