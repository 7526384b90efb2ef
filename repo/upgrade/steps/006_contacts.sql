-- Version 6.

-- Contacts of a customer, its postal address and language; an event names one of its customer's contacts.

insert into permission (role, action, scope)
select p.role, 'contact.view', p.scope from permission p where p.action = 'customer.view';
insert into permission (role, action, scope) values
	('admin', 'contact.add',    'all'), ('sales', 'contact.add',    'own'),
	('admin', 'contact.update', 'all'), ('sales', 'contact.update', 'own'),
	('admin', 'contact.delete', 'all'), ('sales', 'contact.delete', 'own');

alter table customer add address sealed, add language sealed,
	add address_tokens integer[] not null default '{}', add contact_tokens integer[] not null default '{}';
alter table customer drop constraint customer_tokens;
alter table customer add constraint customer_tokens
	check (cardinality(company_name_tokens) <= 1500 and cardinality(full_name_tokens) <= 1500
	and cardinality(email_tokens) <= 1500 and cardinality(phone_tokens) <= 1500
	and cardinality(address_tokens) <= 1500);
drop index customer_search;
create index customer_search on customer using gin (
	search_keys(company_name_tokens || full_name_tokens || email_tokens || phone_tokens || address_tokens
		|| contact_tokens, id)) with (gin_pending_list_limit = 4096);

create table contact (
	id           bigint generated always as identity primary key,
	customer_id  bigint not null references customer,
	full_name    sealed not null,
	role         sealed,
	email        sealed,
	phone        sealed,
	external_id  text constraint contact_external_id_check
		check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$'),
	first_at     timestamptz,
	created_at   timestamptz not null default now(),
	updated_at   timestamptz not null default now(),
	deleted_at   timestamptz,
	changed_in   bigint,
	fictional    boolean not null default false,
	full_name_tokens integer[] not null default '{}',
	role_tokens      integer[] not null default '{}',
	email_tokens     integer[] not null default '{}',
	phone_tokens     integer[] not null default '{}',
	constraint contact_tokens check (cardinality(full_name_tokens) <= 1500 and cardinality(role_tokens) <= 1500
		and cardinality(email_tokens) <= 1500 and cardinality(phone_tokens) <= 1500)
);
create index contact_search on contact
	using gin (search_keys(full_name_tokens || role_tokens || email_tokens || phone_tokens,
		id)) with (gin_pending_list_limit = 4096);
create index contact_customer_id on contact (customer_id, id);

alter table event add contact_id bigint references contact;
create index event_contact_id on event (contact_id);

-- Notes, follow-ups and tags on customers, contracts and events. A note of 10,000 characters needs longer sealed
-- values.

insert into permission (role, action, scope)
select p.role, a.action, p.scope from permission p, unnest(array['note.view', 'tag.view']) a (action)
	where p.action = 'customer.view';
insert into permission (role, action, scope)
select r.name, a.action, case when a.scope = 'own' and r.name in ('admin', 'manage') then 'all' else a.scope end
from role r, (values ('note.add', 'all'), ('note.update', 'own'), ('note.delete', 'own'), ('tag.add', 'all'),
	('tag.delete', 'all')) a (action, scope);

alter domain sealed drop constraint sealed_check;
alter domain sealed add constraint sealed_check check (length(value) between 33 and 40100);
alter table customer add constraint customer_lengths
	check (greatest(length(company_name), length(full_name), length(email), length(phone), length(address),
	length(language)) <= 2048);
alter table contact add constraint contact_lengths
	check (greatest(length(full_name), length(role), length(email), length(phone)) <= 2048);

create table note (
	id          bigint generated always as identity primary key,
	customer_id bigint references customer,
	contract_id bigint references contract,
	event_id    bigint references event,
	text        sealed not null,
	due         date,
	done_at     timestamptz,
	author_id   bigint references collaborator,
	created_at  timestamptz not null default now(),
	updated_at  timestamptz not null default now(),
	deleted_at  timestamptz,
	changed_in  bigint,
	fictional   boolean not null default false,
	text_tokens integer[] not null default '{}',
	constraint note_tokens check (cardinality(text_tokens) <= 40000),
	constraint note_record check (num_nonnulls(customer_id, contract_id, event_id) = 1),
	constraint note_due check (due between '1900-01-01' and '9999-12-30')
);
create index note_search on note using gin (search_keys(text_tokens, id)) with (gin_pending_list_limit = 4096);
create index note_customer_id on note (customer_id);
create index note_contract_id on note (contract_id);
create index note_event_id on note (event_id);
create index note_author_id on note (author_id, due);

create table tag (
	id          bigint generated always as identity primary key,
	name        text not null check (name ~ '^[^[:space:],]{1,50}$' and lower(name) = name),
	customer_id bigint references customer,
	contract_id bigint references contract,
	event_id    bigint references event,
	created_at  timestamptz not null default now(),
	updated_at  timestamptz not null default now(),
	deleted_at  timestamptz,
	changed_in  bigint,
	fictional   boolean not null default false,
	constraint tag_record check (num_nonnulls(customer_id, contract_id, event_id) = 1)
);
create unique index tag_of_customer on tag (customer_id, name) where deleted_at is null;
create unique index tag_of_contract on tag (contract_id, name) where deleted_at is null;
create unique index tag_of_event on tag (event_id, name) where deleted_at is null;
create index tag_name on tag (name);

-- Customers are merged.

insert into permission (role, action, scope) values
	('admin', 'customer.merge', 'all'), ('sales', 'customer.merge', 'own');

-- Changes that were made together are taken back together.

alter table audit add batch bigint;
create index audit_batch on audit (batch, id) where batch is not null;

-- Collaborators save commands as views.

insert into permission (role, action, scope)
select r.name, a.action, case when a.action = 'view.delete' and r.name = 'admin' then 'all' else a.scope end
from role r, (values ('view.view', 'all'), ('view.add', 'all'), ('view.update', 'own'), ('view.delete', 'own'))
	a (action, scope);
insert into permission (role, action, scope)
select p.role, a.action, case when a.action = 'map.delete' and p.role <> 'admin' then 'own' else 'all' end
from permission p, unnest(array['map.view', 'map.add', 'map.delete']) a (action) where p.action = 'view.view';

create table saved_view (
	id          bigint generated always as identity primary key,
	name        text not null,
	command     sealed not null,
	owner_id    bigint references collaborator,
	shared_with text,
	created_at  timestamptz not null default now(),
	updated_at  timestamptz not null default now(),
	deleted_at  timestamptz,
	changed_in  bigint,
	fictional   boolean not null default false,
	constraint saved_view_name check (name ~ '^[^[:space:]$-][^[:space:]$]{0,49}$' and lower(name) = name),
	constraint saved_view_length check (length(command) <= 8200)
);
create unique index saved_view_own on saved_view (owner_id, name) where deleted_at is null;
create unique index saved_view_shared on saved_view (name) where deleted_at is null and shared_with is not null;

-- Imports save what their --map says.

create table saved_map (
	id         bigint generated always as identity primary key,
	name       text not null,
	noun       text not null,
	pairs      text not null,
	owner_id   bigint references collaborator,
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now(),
	deleted_at timestamptz,
	changed_in bigint,
	fictional  boolean not null default false,
	constraint saved_map_name check (name ~ '^[^[:space:]$-][^[:space:]$]{0,49}$' and lower(name) = name),
	constraint saved_map_pairs check (noun ~ '^[a-z]{1,20}$' and length(pairs) between 1 and 10000)
);
create unique index saved_map_key on saved_map (name) where deleted_at is null;

-- The token and the reach of its owner are verified together.

alter type identity add attribute reach bigint;

-- Lists walk indexes in the order of their sort keys.

create index customer_created_at on customer (created_at, id);
create index customer_updated_at on customer (updated_at, id);
create index contract_remaining_amount on contract (remaining_amount, id);
create index contract_unpaid on contract (status, coalesce(signed_at, 'infinity'), id)
	where remaining_amount > 0 and status <> 'canceled' and num_nonnulls(deleted_at) <> 1;
create index contract_status on contract (status, id) include (deleted_at);
create index contract_signed_at on contract (coalesce(signed_at, 'infinity'), id);
create index contract_created_at on contract (created_at, id);
create index contract_updated_at on contract (updated_at, id);
create index audit_at on audit (at);
drop index customer_sales_id;
create index customer_sales_id on customer (sales_id, id) include (deleted_at);
drop index contract_customer_id;
create index contract_customer_id on contract (customer_id, id) include (sales_id, deleted_at);
drop index contract_sales_id;
create index contract_sales_id on contract (sales_id, id) include (deleted_at);
drop index event_support;
create index event_support on event (support_id, id) include (canceled_at, deleted_at);
drop index event_start_date;
drop index event_support_id;
create index event_support_id on event (support_id, coalesce(start_date, 'infinity'));
create index event_duration on event ((end_date - start_date));
create index customer_deleted on customer (id) where num_nonnulls(deleted_at) = 1;
create index contact_deleted on contact (id) where num_nonnulls(deleted_at) = 1;
create index contract_deleted on contract (id) where num_nonnulls(deleted_at) = 1;
create index event_deleted on event (id) where num_nonnulls(deleted_at) = 1;
create index note_deleted on note (id) where num_nonnulls(deleted_at) = 1;
create index event_name on event (coalesce(name, ''), id);
create index event_start on event (coalesce(start_date, 'infinity'), id) include (start_date, end_date, deleted_at);
create index event_end on event (coalesce(end_date, 'infinity'), id);
create index event_location on event (coalesce(location, ''), id);
create index event_attendees on event (coalesce(attendees, -1), id);
create index event_created_at on event (created_at, id);
create index event_updated_at on event (updated_at, id);

-- Triggers empty the pending lists of search indexes.

alter index event_search reset (fastupdate);
alter index event_search set (gin_pending_list_limit = 4096);

-- The name of a record in another program, by which an import finds it again.

alter table customer add external_id text constraint customer_external_id_check
	check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$');
create unique index customer_external_id on customer (external_id)
	where external_id is not null and deleted_at is null;
create unique index contact_external_id on contact (external_id)
	where external_id is not null and deleted_at is null;
alter table contract add external_id text constraint contract_external_id_check
	check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$');
create unique index contract_external_id on contract (external_id)
	where external_id is not null and deleted_at is null;
alter table event add external_id text constraint event_external_id_check
	check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$');
create unique index event_external_id on event (external_id)
	where external_id is not null and deleted_at is null;

-- Most entries undo none: their null needs no place in the index.

alter table audit drop constraint audit_undoes_key;
create unique index audit_undoes_key on audit (undoes) where undoes is not null;

-- The key of judgements that the rows of a statement share.

insert into secret select 'judgement',
	sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- What identify() must know of an account, in one row.

create table standing (
	collaborator_id bigint primary key references collaborator on delete cascade,
	role         text not null,
	deleted      boolean not null,
	password_at  timestamptz,
	must_change  boolean not null default false,
	factor_at    timestamptz,
	mfa_required boolean not null,
	must_first   text generated always as
		(case when must_change then 'password' when mfa_required and factor_at is null then 'mfa' end) stored
);
insert into standing (collaborator_id, role, deleted, password_at, must_change, factor_at, mfa_required)
select c.id, c.role, c.deleted_at is not null, k.changed_at, coalesce(k.must_change, false), f.created_at,
	r.mfa_required
from collaborator c join role r on r.name = c.role left join credential k on k.collaborator_id = c.id
	left join second_factor f on f.collaborator_id = c.id;
