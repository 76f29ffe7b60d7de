-- Up to which entry the details of each trail were erased because of their age.

create table audit_forgotten (
    tenant text    not null primary key,
    up_to  integer not null
) without rowid;

-- Sends that went out, to forget the oldest.
create index send_over on send (id) where active = 0 and recall <> 1;
