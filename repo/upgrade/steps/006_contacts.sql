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
alter table customer add constraint customer_tokens check (cardinality(company_name_tokens) <= 1500 and cardinality(full_name_tokens) <= 1500
	and cardinality(email_tokens) <= 1500 and cardinality(phone_tokens) <= 1500 and cardinality(address_tokens) <= 1500);
drop index customer_search;
create index customer_search on customer using gin (
	search_keys(company_name_tokens || full_name_tokens || email_tokens || phone_tokens || address_tokens || contact_tokens, id)) with (fastupdate = off);

create table contact (
	id           bigint generated always as identity primary key,
	customer_id  bigint not null references customer,
	full_name    sealed not null,
	role         sealed,
	email        sealed,
	phone        sealed,
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
create index contact_search on contact using gin (search_keys(full_name_tokens || role_tokens || email_tokens || phone_tokens, id)) with (fastupdate = off);
create index contact_customer_id on contact (customer_id, id);

alter table event add contact_id bigint references contact;
create index event_contact_id on event (contact_id);

-- Changes that were made together are taken back together.

alter table audit add batch bigint;
create index audit_batch on audit (batch, id) where batch is not null;
