-- Active sends to many, so that those to one user, of which there may be very many, need not be passed over.

create index send_many on send (tenant, created_at, id) where active = 1 and notification_id is null;
