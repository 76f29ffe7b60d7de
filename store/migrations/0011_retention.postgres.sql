-- Up to which entry the details of each trail were erased because of their age; as the SQLite schema has it.

create table audit_forgotten (
    tenant text collate "C" not null primary key,
    up_to  bigint not null
);

-- Sends that went out, to forget the oldest.
create index send_over on send (id) where active = 0 and recall <> 1;
