-- The data model of crm and the guard in front of it.
--
-- The owner role owns all objects in this file and cannot log in. The program, or a thief of its config file, logs in
-- as the app role and has only the privileges that part 10 grants: to read and write as a signed-in collaborator. Only
-- this file decides about permissions.
--
--   1  people        role, permission, collaborator
--   2  records       customer, contact, contract, payment, event, note, tag, and their search tokens; saved views
--   3  secrets       credential, second_factor, session, sign_in_attempt and its counts, secret, setting,
--                    schema_version()
--   4  the caller    me(), reach(), and for policies reached(); the caller's account, the time
--   5  signing in    sign_in_params(), sign_in(), open_session(), passwords, second factors, sessions
--   6  rules         triggers: stamps, contacts, states, payments, handing over
--   7  the trail     audit and its hash chain, request and fate(), history(), undoing, exporting, erasing
--   8  reading       one view a noun, and without joins
--   9  writing       row policies
--  10  grants, sealing keys, messages of functions, and no planner statistics
--
-- `crm init` runs this file once, in one transaction, with :"schema", :"owner" and :"app" replaced by the names in the
-- config (psql does the same with its variables: psql -v schema=crm …). Function bodies name tables without a schema:
-- every function fixes its search_path.
--
-- A change of this file needs a step in repo/upgrade/steps, see docs/contributing.md. `crm upgrade` runs the steps that
-- a database lacks, and creates functions, views, triggers, policies and grants again from this file.

set local role :"owner";
create schema :"schema";
set local search_path = :"schema";
-- New functions are executable only with a grant in part 10 (PostgreSQL manual, 5.8 Privileges).
alter default privileges for role :"owner" revoke execute on functions from public;

-- 1 ---------------------------------------------------------------------------- people

-- A department's role, and the contacts that its holders may be. The table permission has the permissions.
create table role (
	name     text primary key check (name ~ '^[a-z][a-z_]{0,30}$'),
	title    text not null,
	sells    boolean not null default false, -- may be a sales contact
	supports boolean not null default false, -- may be a support contact
	reserved boolean not null default false, -- only its holders may assign it, or change a collaborator with it
	mfa_required boolean not null default false -- its holders must have a second factor
);

insert into role (name, title, sells, supports, reserved) values
	('admin',   'Administration', false, false, true),
	('manage',  'Management',     false, false, false),
	('sales',   'Sales',          true,  false, false),
	('support', 'Support',        false, true,  false);

-- The responsibility matrix. Its scope is 'all' or 'own'; without a row the action is refused. The owner of a customer
-- or contact is the customer's sales contact; of a contract, its own or its customer's sales contact; of an event, its
-- support contact; of a note, view or map, its author; of a new event, its customer's sales contact. There is no other
-- copy of the matrix.
create table permission (
	role   text not null references role,
	action text not null check (action ~ '^[a-z]+\.[a-z]+$'),
	scope  text not null check (scope in ('all', 'own')),
	primary key (role, action)
);

insert into permission (role, action, scope)
select r.name, noun || '.view', 'all'
from role r, unnest(array['user', 'customer', 'contact', 'contract', 'event', 'note']) noun;
-- Every role may write notes and tags. The owner of a note is its author.
insert into permission (role, action, scope)
select r.name, a.action, case when a.scope = 'own' and r.name in ('admin', 'manage') then 'all' else a.scope end
from role r, (values ('note.add', 'all'), ('note.update', 'own'), ('note.delete', 'own'), ('tag.view', 'all'),
	('tag.add', 'all'), ('tag.delete', 'all')) a (action, scope);
-- So it may save views, and maps of imports. Administrators may delete those that others share.
insert into permission (role, action, scope)
select r.name, a.action, case when a.action = 'view.delete' and r.name = 'admin' then 'all' else a.scope end
from role r, (values ('view.view', 'all'), ('view.add', 'all'), ('view.update', 'own'), ('view.delete', 'own'))
	a (action, scope);
insert into permission (role, action, scope)
select p.role, a.action, case when a.action = 'map.delete' and p.role <> 'admin' then 'own' else 'all' end
from permission p, unnest(array['map.view', 'map.add', 'map.delete']) a (action) where p.action = 'view.view';

insert into permission (role, action, scope) values
	('admin',  'user.add',        'all'), ('manage',  'user.add',        'all'),
	('admin',  'user.update',     'all'), ('manage',  'user.update',     'all'),
	('admin',  'user.delete',     'all'), ('manage',  'user.delete',     'all'),
	('admin',  'customer.add',    'all'), ('sales',   'customer.add',    'all'),
	('admin',  'customer.update', 'all'), ('sales',   'customer.update', 'own'),
	('admin',  'customer.delete', 'all'),
	('admin',  'contact.add',     'all'), ('sales',   'contact.add',     'own'),
	('admin',  'contact.update',  'all'), ('sales',   'contact.update',  'own'),
	('admin',  'contact.delete',  'all'), ('sales',   'contact.delete',  'own'),
	('admin',  'contract.add',    'all'), ('manage',  'contract.add',    'all'),
	('admin',  'contract.update', 'all'), ('manage',  'contract.update', 'all'),
	('sales',  'contract.update', 'own'),
	('admin',  'event.add',       'all'), ('sales',   'event.add',       'own'),
	('admin',  'event.update',    'all'), ('manage',  'event.update',    'all'),
	('support', 'event.update',   'own'),
	('admin',  'event.delete',    'all'), ('manage',  'event.delete',    'all'),
	('admin',  'event.cancel',    'all'), ('manage',  'event.cancel',    'all'),
	-- Accounts of others: lockouts, one-time passwords, sessions; second factors; hand-over; the trail; personal data.
	('admin',  'user.unlock',     'all'), ('manage',  'user.unlock',     'all'),
	('admin',  'user.reset',      'all'), ('manage',  'user.reset',      'all'),
	('admin',  'user.sessions',   'all'), ('manage',  'user.sessions',   'all'),
	('admin',  'user.mfa',        'all'),
	('admin',  'user.handover',   'all'), ('manage',  'user.handover',   'all'),
	('admin',  'audit.view',      'all'),
	('admin',  'customer.export', 'all'), ('manage',  'customer.export', 'all'),
	('admin',  'customer.erase',  'all'),
	('admin',  'customer.merge',  'all'), ('sales',   'customer.merge',  'own');

-- A collaborator is a user of crm. `crm seed` marks the rows that it adds as fictional, and `crm seed --purge`
-- deletes these.
create table collaborator (
	id              bigint generated always as identity primary key,
	employee_number text not null check (employee_number ~ '^[A-Za-z0-9][A-Za-z0-9_./-]{0,29}$'),
	first_name      text not null check (length(first_name) between 1 and 100),
	last_name       text not null check (length(last_name) between 1 and 100),
	email           text not null check (length(email) <= 255 and email ~ '^[^\s@]+@[^\s@]+$'),
	role            text not null references role,
	created_at      timestamptz not null default now(),
	updated_at      timestamptz not null default now(),
	deleted_at      timestamptz,
	changed_in      bigint, -- the session of the last change, set by guard(); null: the owner's own work
	fictional       boolean not null default false,
	constraint collaborator_employee_number_key unique (employee_number)
);
create unique index collaborator_email_key on collaborator (lower(email)) where deleted_at is null;

-- 2 --------------------------------------------------------------------------- records

-- A sealed value is Tink AEAD ciphertext, at least 33 bytes; the key is never in the database. A note of 10,000
-- characters has up to 40,000 bytes; tables limit shorter texts.
create domain sealed as bytea check (length(value) between 33 and 40100);

-- Return the sealed columns of a table, and its columns of search tokens: NAME_tokens holds the tokens of the column
-- NAME. Code that treats all of them alike reads the catalogue, so a new column needs no list (PostgreSQL manual,
-- 53.7 pg_attribute).
create function sealed_columns(of_table regclass) returns name[]
language sql stable set search_path = :"schema", pg_temp as $$
	select coalesce(array_agg(a.attname order by a.attname), '{}') from pg_attribute a
	where a.attrelid = of_table and a.atttypid = 'sealed'::regtype and a.attnum > 0 and not a.attisdropped
$$;
create function token_columns(of_table regclass) returns name[]
language sql stable set search_path = :"schema", pg_temp as $$
	select coalesce(array_agg(a.attname order by a.attname), '{}') from pg_attribute a
	where a.attrelid = of_table and right(a.attname, 7) = '_tokens' and a.attnum > 0 and not a.attisdropped
$$;

-- Returns the noun under which the trail keeps changes of a table; null if it keeps none.
create function trail_noun(of_table regclass) returns text
language sql stable set search_path = :"schema", pg_temp as $$
	select split_part(encode(t.tgargs, 'escape'), '\000', 1) from pg_trigger t where t.tgrelid = of_table
		and t.tgname = 'z_trail'
$$;

create table customer (
	id           bigint generated always as identity primary key,
	company_name sealed not null,
	full_name    sealed not null,
	email        sealed,
	phone        sealed,
	address      sealed,
	language     sealed, -- is not searched, so it has no tokens
	-- The ID in another program, for imports, here and below. It names no person, so it is not sealed.
	external_id  text constraint customer_external_id_check
		check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$'),
	sales_id     bigint references collaborator,
	created_at   timestamptz not null default now(), -- first contact
	updated_at   timestamptz not null default now(), -- last contact
	deleted_at   timestamptz,
	changed_in   bigint, -- as in collaborator, here and below
	fictional    boolean not null default false,
	-- The search tokens of the sealed texts: keyed hashes of their parts, which the client writes with the texts.
	company_name_tokens integer[] not null default '{}',
	full_name_tokens    integer[] not null default '{}',
	email_tokens        integer[] not null default '{}',
	phone_tokens        integer[] not null default '{}',
	address_tokens      integer[] not null default '{}',
	contact_tokens      integer[] not null default '{}', -- of the live contacts together; index_contact() keeps them
	constraint customer_tokens check (cardinality(company_name_tokens) <= 1500 and cardinality(full_name_tokens) <= 1500
		and cardinality(email_tokens) <= 1500 and cardinality(phone_tokens) <= 1500
		and cardinality(address_tokens) <= 1500),
	constraint customer_lengths
		check (greatest(length(company_name), length(full_name), length(email), length(phone), length(address),
		length(language)) <= 2048)
);

create unique index customer_external_id on customer (external_id)
	where external_id is not null and deleted_at is null;

-- The search index of customers holds their tokens, each mixed with the number of the run of 8192 ids that the row is
-- in. A search in the order of ids looks up one run after the other and stops when its page is full. So it reads
-- neither every row of a frequent token nor the whole table for a rare one, and no plan depends on statistics.
create function run_key(run bigint) returns integer
language sql immutable parallel safe
return (run % 65536 * 2654435761 % 2147483648)::integer;

-- PL/pgSQL keeps the plan from one statement to the next; the planner would not inline a subquery.
create function search_keys(tokens integer[], id bigint) returns integer[]
language plpgsql immutable strict parallel safe cost 1000 set search_path = :"schema", pg_temp as $$
declare
	key constant integer := run_key(id >> 13);
begin
	return array(select t # key from unnest(tokens) t);
end $$;

-- Return all search tokens of a row. The planner puts the body in place of the call (function inlining), so the views
-- that call it can use the index, whose expression has to be the same. The app role needs the right to execute it for
-- that.
create function search_tokens(c customer) returns integer[]
language sql immutable parallel safe
return c.company_name_tokens || c.full_name_tokens || c.email_tokens || c.phone_tokens || c.address_tokens
	|| c.contact_tokens;

-- Entries first go to the pending list of the index; flush_tokens() empties it at the end of the statement, so no
-- search has to read it (PostgreSQL manual, 70.4.1 GIN Fast Update). So the entries of all rows of a statement are
-- inserted together: for 1,000 rows that takes a sixth of the time.
create index customer_search on customer using gin (
	search_keys(company_name_tokens || full_name_tokens || email_tokens || phone_tokens || address_tokens
		|| contact_tokens, id)) with (gin_pending_list_limit = 4096);
-- Lists of deleted records walk this one, and similar ones below (see isSet in repo/query.go).
create index customer_deleted on customer (id) where num_nonnulls(deleted_at) = 1;
create index customer_sales_id on customer (sales_id, id) include (deleted_at);
-- Lists walk these indexes, and similar ones below, in the order of the sort keys of repo/entity.go.
create index customer_created_at on customer (created_at, id);
create index customer_updated_at on customer (updated_at, id);

-- A further person of a customer. The first contact is the live one with the latest first_at, else the one that was
-- added first: so taking a change of it back needs no change of another contact.
create table contact (
	id           bigint generated always as identity primary key,
	customer_id  bigint not null references customer,
	full_name    sealed not null,
	role         sealed,
	email        sealed,
	phone        sealed,
	external_id  text constraint contact_external_id_check
		check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$'),
	first_at     timestamptz, -- when it became the first contact
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
		and cardinality(email_tokens) <= 1500 and cardinality(phone_tokens) <= 1500),
	constraint contact_lengths check (greatest(length(full_name), length(role), length(email), length(phone)) <= 2048)
);

create function search_tokens(n contact) returns integer[]
language sql immutable parallel safe
return n.full_name_tokens || n.role_tokens || n.email_tokens || n.phone_tokens;
create index contact_search on contact
	using gin (search_keys(full_name_tokens || role_tokens || email_tokens || phone_tokens,
		id)) with (gin_pending_list_limit = 4096);
create unique index contact_external_id on contact (external_id)
	where external_id is not null and deleted_at is null;
create index contact_deleted on contact (id) where num_nonnulls(deleted_at) = 1;
create index contact_customer_id on contact (customer_id, id);

create table contract (
	id               bigint generated always as identity primary key,
	customer_id      bigint not null references customer,
	sales_id         bigint references collaborator,
	total_amount     numeric(12,2) not null default 0,
	remaining_amount numeric(12,2) not null default 0, -- total minus payments, kept by triggers
	status           text not null default 'to_send'
		check (status in ('to_send', 'pending', 'signed', 'finished', 'canceled')),
	external_id      text constraint contract_external_id_check
		check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$'),
	signed_at        timestamptz,
	created_at       timestamptz not null default now(),
	updated_at       timestamptz not null default now(),
	deleted_at       timestamptz,
	changed_in       bigint,
	fictional        boolean not null default false,
	constraint contract_total_positive check (total_amount >= 0 and total_amount <> 'NaN'), -- NaN >= 0 is true
	constraint contract_overpaid check (remaining_amount >= 0),
	constraint contract_remaining_above_total check (remaining_amount <= total_amount),
	constraint contract_finished_unpaid check (status <> 'finished' or remaining_amount = 0)
);
create unique index contract_external_id on contract (external_id)
	where external_id is not null and deleted_at is null;
create index contract_deleted on contract (id) where num_nonnulls(deleted_at) = 1;
create index contract_customer_id on contract (customer_id, id) include (sales_id, deleted_at);
create index contract_sales_id on contract (sales_id, id) include (deleted_at);
create index contract_total_amount on contract (total_amount, id);
create index contract_remaining_amount on contract (remaining_amount, id);
create index contract_unpaid on contract (status, coalesce(signed_at, 'infinity'), id)
	where remaining_amount > 0 and status <> 'canceled' and num_nonnulls(deleted_at) <> 1;
create index contract_status on contract (status, id) include (deleted_at);
create index contract_signed_at on contract (coalesce(signed_at, 'infinity'), id);
create index contract_created_at on contract (created_at, id);
create index contract_updated_at on contract (updated_at, id);

-- A ledger: entries are added, never changed. A negative amount corrects an earlier one.
create table payment (
	id          bigint generated always as identity primary key,
	contract_id bigint not null references contract,
	amount      numeric(12,2) not null,
	paid_on     date not null default current_date,
	recorded_by bigint references collaborator,
	created_at  timestamptz not null default now(),
	changed_in  bigint,
	fictional   boolean not null default false,
	constraint payment_not_zero check (amount <> 0),
	constraint payment_date check (paid_on between '1900-01-01' and '9999-12-31')
);
create index payment_contract_id on payment (contract_id, id);

create table event (
	id          bigint generated always as identity primary key,
	name        text check (length(name) between 1 and 100),
	contract_id bigint not null references contract,
	start_date  timestamptz,
	end_date    timestamptz,
	location    text check (length(location) between 1 and 255),
	attendees   integer,
	comments    text check (length(comments) between 1 and 10000),
	-- of the customer; null, or of another customer since: the customer's own person
	contact_id  bigint references contact,
	external_id text constraint event_external_id_check
		check (external_id ~ '^[^[:space:][:cntrl:]@]{1,100}$'),
	support_id  bigint references collaborator,
	created_at  timestamptz not null default now(),
	updated_at  timestamptz not null default now(),
	deleted_at  timestamptz,
	canceled_at timestamptz, -- then it has no support contact and does not change until it is restored
	changed_in  bigint,
	fictional   boolean not null default false,
	-- The search tokens of the texts: hashes of their parts without a key, which the client writes with the texts.
	name_tokens     integer[] not null default '{}',
	location_tokens integer[] not null default '{}',
	comments_tokens integer[] not null default '{}',
	-- A note of 10,000 characters has at most four tokens a character: three begin with it, and a word adds two.
	constraint event_tokens check (cardinality(name_tokens) <= 1500 and cardinality(location_tokens) <= 1500
		and cardinality(comments_tokens) <= 40000),
	constraint event_attendees_negative check (attendees >= 0),
	constraint event_ends_before_start check (end_date > start_date),
	constraint event_dates check (start_date between '1900-01-01 UTC' and '9999-12-30 UTC'
		and end_date between '1900-01-01 UTC' and '9999-12-30 UTC')
);
create unique index event_external_id on event (external_id)
	where external_id is not null and deleted_at is null;
create index event_deleted on event (id) where num_nonnulls(deleted_at) = 1;
create index event_contract_id on event (contract_id, id);
create index event_support_id on event (support_id, coalesce(start_date, 'infinity'));
create index event_support on event (support_id, id) include (canceled_at, deleted_at);
create index event_duration on event ((end_date - start_date)); -- for the view event_spans
create index event_contact_id on event (contact_id);
create index event_name on event (coalesce(name, ''), id);
create index event_start on event (coalesce(start_date, 'infinity'), id) include (start_date, end_date, deleted_at);
create index event_end on event (coalesce(end_date, 'infinity'), id);
create index event_location on event (coalesce(location, ''), id);
create index event_attendees on event (coalesce(attendees, -1), id);
create index event_created_at on event (created_at, id);
create index event_updated_at on event (updated_at, id);

create function search_tokens(e event) returns integer[]
language sql immutable parallel safe
return e.name_tokens || e.location_tokens || e.comments_tokens;
create index event_search on event
	using gin (search_keys(name_tokens || location_tokens || comments_tokens, id)) with (gin_pending_list_limit = 4096);

-- A note on a customer, contract or event, and a follow-up if it has a due day. It may name persons, so it is sealed
-- wherever it is.
create table note (
	id          bigint generated always as identity primary key,
	customer_id bigint references customer,
	contract_id bigint references contract,
	event_id    bigint references event,
	text        sealed not null,
	due         date,
	done_at     timestamptz,
	author_id   bigint references collaborator, -- null: the owner's own work
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

create function search_tokens(n note) returns integer[]
language sql immutable parallel safe
return n.text_tokens;
create index note_search on note using gin (search_keys(text_tokens, id)) with (gin_pending_list_limit = 4096);
create index note_deleted on note (id) where num_nonnulls(deleted_at) = 1;
create index note_customer_id on note (customer_id);
create index note_contract_id on note (contract_id);
create index note_event_id on note (event_id);
create index note_author_id on note (author_id, due);

-- A tag is a word on a customer, contract or event. It is not sealed.
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

-- A view is a command that a collaborator has saved under a name, for themselves or shared. It may name persons, so it
-- is sealed; no search reads it.
create table saved_view (
	id          bigint generated always as identity primary key,
	name        text not null,
	command     sealed not null,
	owner_id    bigint references collaborator,
	shared_with text, -- a role, or 'all'; null: not shared
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

-- A map says which columns the headers of a file are, for imports of a noun: HEADER=COLUMN,… It is for all.
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

-- 3 --------------------------------------------------------------------------- secrets
-- The app role is granted nothing on these tables.

-- A password is stored as argon2id's cost and salt (RFC 9106) and the SHA-256 of the key that the
-- client derives. A reader of the row cannot sign in with it.
create table credential (
	collaborator_id bigint primary key references collaborator on delete cascade,
	memory_kib      integer  not null check (memory_kib between 8 and 1048576),
	iterations      integer  not null check (iterations between 1 and 100),
	parallelism     smallint not null check (parallelism between 1 and 255),
	salt            bytea    not null check (length(salt) = 16),
	key_hash        bytea    not null check (length(key_hash) = 32),
	changed_at      timestamptz not null default now(),
	-- a one-time password: a session with it may only choose another one
	must_change     boolean not null default false,
	expires_at      timestamptz                     -- the password is refused from then on; null: never
);

-- The second factor: the secret of time-based one-time passwords (RFC 6238). The database verifies the codes, so it
-- must have the secret. Recovery codes are 80 random bits and are stored as SHA-256.
create table second_factor (
	collaborator_id bigint primary key references collaborator on delete cascade,
	secret          bytea not null check (length(secret) between 16 and 64),
	last_step       bigint not null, -- the time step of the last code that was accepted: a code is accepted once
	created_at      timestamptz not null default now()
);
create table recovery_code (
	collaborator_id bigint not null references second_factor on delete cascade,
	code_hash       bytea not null check (length(code_hash) = 32),
	used_at         timestamptz,
	primary key (collaborator_id, code_hash)
);

-- What identify() must know of an account, in one row. stand() below copies it from the four tables above, in the same
-- transaction in which they change.
create table standing (
	collaborator_id bigint primary key references collaborator on delete cascade,
	role         text not null,
	deleted      boolean not null,
	password_at  timestamptz, -- credential.changed_at; null: no password
	must_change  boolean not null default false,
	factor_at    timestamptz, -- second_factor.created_at; null: none
	mfa_required boolean not null,
	-- what the collaborator must do before anything else: 'password', choose a new one; 'mfa', enrol a second factor;
	-- null, nothing
	must_first   text generated always as
		(case when must_change then 'password' when mfa_required and factor_at is null then 'mfa' end) stored
);

-- A session lasts until ends_at. Its random key signs the access tokens; the two blocks that HMAC derives
-- from the key are stored (RFC 2104: key xor ipad, key xor opad).
create table session (
	id              bigint generated always as identity primary key,
	collaborator_id bigint not null references collaborator on delete cascade,
	inner_key       bytea not null check (length(inner_key) = 64),
	outer_key       bytea not null check (length(outer_key) = 64),
	created_at      timestamptz not null default now(),
	ends_at         timestamptz not null,
	password_at     timestamptz, -- the credential's changed_at at sign-in; the session is invalid once it differs
	factor_at       timestamptz, -- the second factor's created_at at sign-in, null: none; compared in the same way
	seeding         boolean not null default false, -- rows that it adds are fictional
	client          inet default inet_client_addr(), -- null: a connection from the server's own machine
	idle            interval -- the session also ends after so long without use; null: it does not
);
create index session_collaborator_id on session (collaborator_id, client);

-- Sessions that were ended before ends_at. Ending inserts a row and updates none, so an open transaction that holds a
-- lock on the session's row cannot delay it.
create table session_end (
	session_id bigint not null references session on delete cascade,
	at         timestamptz not null default clock_timestamp()
);
create index session_end_session_id on session_end (session_id);

-- When a session was last used, to the minute.
create table session_use (
	session_id bigint primary key references session on delete cascade,
	at         timestamptz not null default clock_timestamp()
);

-- One row for each attempt to sign in, with the arguments of sign_in(), for known and unknown addresses alike.
-- redeem() verifies it in a later transaction and writes the outcome. The width of a row does not depend on the
-- outcome.
create table sign_in_attempt (
	id           bigint generated always as identity primary key,
	address      bytea    not null check (length(address) = 32),      -- SHA-256 of the lower-case email
	name_hash    bytea    not null check (length(name_hash) = 32),    -- SHA-256 of the email as it was sent
	nonce        bytea    not null check (length(nonce) = 40),        -- of sign_in_params(); see sign_in_nonce()
	client_nonce bytea    not null check (length(client_nonce) = 32),
	proof        bytea    not null check (length(proof) = 32),        -- of the password's key; see redeem()
	-- the second factor's code, sealed; null: none was sent
	code_proof   bytea    check (length(code_proof) = 32),
	device       bytea    not null check (length(device) = 32),       -- SHA-256 of the device key; zeros: none
	device_proof bytea    not null check (length(device_proof) = 32),
	ticket       bytea    not null,                                   -- SHA-256 of redeem()'s argument
	outcome      smallint not null default 0 check (outcome between 0 and 5),
		-- failures: 0 not verified, 1 wrong password, 2 locked out, 3 wrong code; others: 4 code required, 5 opened
	noted        boolean  not null default false,                     -- written to the trail, or not to be written
	client       inet     default inet_client_addr(),
	transaction  xid8     not null default pg_current_xact_id(),
	at           timestamptz not null default clock_timestamp()
);
create unique index sign_in_attempt_nonce on sign_in_attempt (nonce); -- a nonce serves one attempt
create unique index sign_in_attempt_ticket on sign_in_attempt (ticket);
create index sign_in_attempt_at on sign_in_attempt (at); -- for forget_tries()
create index sign_in_attempt_address on sign_in_attempt (address); -- for forgive()
create index sign_in_attempt_noted on sign_in_attempt (id) where not noted and outcome <= 3;

-- The failures that locked_until() counts. sign_in() inserts three rows for each attempt: one for its address, one for
-- its address and device, one for its network client; see counter(). They are deleted when the attempt succeeds or its
-- code is required, so an attempt that is never verified counts as failed.
create table sign_in_count (
	counter    bytea       not null,
	at         timestamptz not null,
	attempt_id bigint      not null,
	primary key (counter, at, attempt_id)
);
create index sign_in_count_attempt_id on sign_in_count (attempt_id);

-- The times at which a successful sign-in reset a counter. For an address and device, such a row also makes the device
-- known. Rows are inserted and never updated: a stranger could measure the dead rows that updates leave.
create table sign_in_success (
	counter bytea       not null,
	at      timestamptz not null,
	primary key (counter, at)
);
create index sign_in_success_at on sign_in_success (at); -- for deleting them

-- Sentinel rows at the ends of both indexes: every lookup finds a next row, so each one reads exactly one row.
insert into sign_in_count values (decode(repeat('ff', 33), 'hex'), 'infinity', 0);
insert into sign_in_success values ('', '-infinity');

-- The keys of sealed values, by Tink's key id. check_sealed() accepts values under the present key and, during a
-- rotation, under the next one. `crm init` and `crm rotate-keys` maintain the table.
create table sealing_key (
	id     bigint primary key check (id between 0 and 4294967295),
	state  text not null check (state in ('present', 'next', 'retired')),
	since  timestamptz not null default now(),
	-- of every value sealed with it
	prefix bytea not null generated always as ('\x01'::bytea || substr(int8send(id), 5)) stored
);
create unique index sealing_key_state on sealing_key (state) where state <> 'retired';

create table secret (
	name  text primary key,
	value bytea not null
);

create table setting (
	name  text primary key,
	value text not null
);
insert into setting values ('schema_version', '6'), ('session_lifetime', '12 hours'), ('session_idle', '30 minutes');

-- Refuses a program that cannot work with this schema: error 55000.
create function refuse_program(version integer, release text) returns integer
language plpgsql stable set search_path = :"schema", pg_temp as $$
begin
	raise exception using errcode = '55000', constraint = 'schema_version', message = 'another version',
		detail = version || ' ' || release;
end $$;

-- Returns the version of the schema, or refuses a program that is not between the oldest version that the schema serves
-- and its own. Every batch of the program begins with this call, so a refused program changes nothing. The planner
-- inlines the expression, so it costs no call. A change of this file that older programs cannot work with raises the
-- first number. The release is the first crm with this version.
create function schema_version(program integer) returns integer
language sql stable parallel safe
return case when program between 4 and 6 then 6 else refuse_program(6, '0.4.0') end;

-- 4 ------------------------------------------------------------------------ the caller

-- Returns 32 unguessable bytes: three version 4 UUIDs hold 366 bits of the server's strong random generator, to which
-- core PostgreSQL gives no other access.
create function random_key() returns bytea
language sql volatile set search_path = :"schema", pg_temp as $$
	select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;

-- Returns a key block of HMAC: the key padded with zeros to 64 bytes, each byte xor pad (RFC 2104, section 2).
create function hmac_block(key bytea, pad integer) returns bytea
language plpgsql immutable set search_path = :"schema", pg_temp as $$
declare
	block bytea := decode(repeat(lpad(to_hex(pad), 2, '0'), 64), 'hex');
begin
	for i in 0 .. length(key) - 1 loop
		block := set_byte(block, i, get_byte(key, i) # pad);
	end loop;
	return block;
end $$;

-- HMAC-SHA256 (RFC 2104).
create function hmac_sha256(key bytea, message bytea) returns bytea
language sql immutable parallel safe
return sha256(hmac_block(key, 92) || sha256(hmac_block(key, 54) || message));

-- Returns one xor other, byte by byte. other must be at least as long as one.
create function xor_bytes(one bytea, other bytea) returns bytea
language plpgsql immutable strict parallel safe set search_path = :"schema", pg_temp as $$
begin
	for i in 0 .. length(one) - 1 loop
		one := set_byte(one, i, get_byte(one, i) # get_byte(other, i));
	end loop;
	return one;
end $$;

-- Keeps standing as the tables are from which it is copied. Each of them sets its own columns only, so concurrent
-- changes of two of them do not overwrite each other. The lock of the role's row makes a change of the account and one
-- of the role wait for each other.
create function stand() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	case tg_table_name
	when 'collaborator' then
		insert into standing (collaborator_id, role, deleted, mfa_required)
		select new.id, r.name, new.deleted_at is not null, r.mfa_required
		from role r where r.name = new.role for share
		on conflict (collaborator_id) do update
		set role = excluded.role, deleted = excluded.deleted, mfa_required = excluded.mfa_required;
	when 'role' then
		update standing s set mfa_required = new.mfa_required where s.role = new.name;
	when 'credential' then
		update standing s set password_at = new.changed_at, must_change = coalesce(new.must_change, false)
		where s.collaborator_id = coalesce(new.collaborator_id, old.collaborator_id);
	when 'second_factor' then
		update standing s set factor_at = new.created_at
		where s.collaborator_id = coalesce(new.collaborator_id, old.collaborator_id);
	end case;
	return null;
end $$;
create trigger e_stand after insert or update of role, deleted_at on collaborator for each row
	execute function stand();
create trigger e_stand after update of mfa_required on role for each row execute function stand();
create trigger e_stand after insert or delete or update of changed_at, must_change on credential for each row
	execute function stand();
create trigger e_stand after insert or delete or update of created_at on second_factor for each row
	execute function stand();

-- The identity of the caller, from the token, and their reach with the actions that were asked for: 0 means every row;
-- the caller's own id, the rows that they own; null, no row.
create type identity as (id bigint, role text, session_id bigint, seeding boolean, reach bigint);

-- identify() verifies the JWT in the setting crm.token (RFC 7519, only HS256 of RFC 7518) and returns its session's
-- collaborator with their reach. No other function verifies a token. If it is not valid, the result is null or, if
-- strict, error 28000, which is the same for every reason. A collaborator who must first choose a password or enrol a
-- second factor is limited: identify() returns them only if limited_too, which only the functions for these two steps
-- set.
--
-- The header is compared as text, which pins the algorithm; so is the signature, which admits only the canonical
-- base64url form. Role and deletion come from the tables, not from the claims. Time is the wall clock, not the
-- transaction's start, and only READ COMMITTED is accepted, whose statements have snapshots of their own: an open
-- transaction outlives neither its token nor a revocation. The function is parallel unsafe, since its exception block
-- is a subtransaction (PostgreSQL manual, 15.4 Parallel Safety).
--
-- Every statement calls this function, so it is one query with a cached plan. Starting a query costs more than running
-- it, and grows with its tables and operators; so it reads few tables, and bytes rather than letters, which UTF-8 makes
-- count. Its conditions have forms for which the planner needs no statistics: each table is looked up by its key. The
-- planner inlines its callers below.
create function identify(strict boolean, limited_too boolean, actions text[]) returns identity
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	token    text := current_setting('crm.token', true);
	whole    bytea := convert_to(token, 'UTF8');
	signed   bytea := substr(whole, 1, greatest(length(whole) - 44, 0)); -- header.claims
	claims   jsonb;
	who      identity;
begin
	if length(whole) <= 1024 and starts_with(token, 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.')
		and current_setting('transaction_isolation') = 'read committed' then
		begin
			claims := convert_from(decode(translate(convert_from(substr(signed, 38), 'UTF8'), '-_', '+/')
				|| repeat('=', (37 - length(signed)) & 3), 'base64'), 'UTF8');
			select c.collaborator_id, c.role, i.id, i.seeding, (select case p.scope when 'all' then 0
				else c.collaborator_id end from permission p where p.role = c.role and p.action = actions[1]) into who
			from session i cross join lateral (
				select s.* from standing s where s.collaborator_id = i.collaborator_id offset 0) c
			where i.id = (claims->>'sid')::bigint and claims->>'sub' = i.collaborator_id::text
				and to_timestamp((claims->>'exp')::bigint) > clock_timestamp()
				and to_timestamp((claims->>'iat')::bigint - 60) <= clock_timestamp()
				and coalesce(to_timestamp((claims->>'nbf')::bigint - 60) <= clock_timestamp(), true)
				and sha256(substr(whole, length(signed) + 1)) = sha256(convert_to('.' || translate(encode(
					sha256(i.outer_key || sha256(i.inner_key || signed)), 'base64'), '+/=', '-_'), 'UTF8'))
				and least(i.ends_at, (select u.at from session_use u where u.session_id = i.id) + i.idle)
					> clock_timestamp()
				and i.id is distinct from (select e.session_id from session_end e where e.session_id >= i.id
					order by e.session_id limit 1)
				and i.password_at is not distinct from c.password_at and i.factor_at is not distinct from c.factor_at
				and not c.deleted and (c.must_first is null or i.seeding or limited_too);
		exception when data_exception then
			null; -- claims that are not base64, UTF-8, JSON or numbers
		end;
	end if;
	if strict and who.id is null then
		raise exception using errcode = '28000', message = 'not signed in';
	end if;
	if cardinality(actions) > 1 then -- the widest scope
		who.reach := (select min(case p.scope when 'all' then 0 else who.id end) from permission p
			where p.role = who.role and p.action = any (actions));
	end if;
	return who;
end $$;

-- Returns the caller's identity, null for a signed-out caller.
create function caller(limited_too boolean default false) returns identity
language sql stable
return identify(false, limited_too, '{}');

-- Returns the caller's identity, or raises error 28000.
create function me(limited_too boolean default false) returns identity
language sql stable
return identify(true, limited_too, '{}');

create function me_id() returns bigint
language sql stable
return (me()).id;

-- Returns the identity and the reach of the caller with any of the actions, for a policy or trigger that needs both.
-- They are null for a signed-out caller.
create function judged(variadic actions text[]) returns identity
language sql stable
return identify(false, false, actions);

-- Reports whether the reach of judged() covers a row with these owners. Row policies and guard() both use it.
create function within(judgement identity, owners bigint[]) returns boolean
language sql immutable parallel safe
return (judgement).reach = any (0::bigint || owners);

-- Reports the same of a new row, which must also carry the judged session: the trail names that one. Not SQL, which
-- would be planned in each statement: the planner inlines no argument that is a subquery and used twice.
create function admits(judgement identity, session bigint, owners bigint[]) returns boolean
language plpgsql immutable parallel safe set search_path = :"schema", pg_temp as $$
begin
	return coalesce(judgement.session_id = session and judgement.reach = any (0::bigint || owners), false);
end $$;

-- Returns the caller's session, or null for a signed-out caller.
create function my_session() returns bigint
language sql stable
return (identify(false, false, '{}')).session_id;

-- Returns the caller's reach with any of the actions, or null for a signed-out caller. A policy uses it as in
-- reached('customer.update') = any (array[0, sales_id]). It never raises: PostgreSQL evaluates leakproof conditions of
-- a query (email < 'm') before a policy, so an error would reveal the contents of rows.
create function reached(variadic actions text[]) returns bigint
language sql stable
return (judged(variadic actions)).reach;

-- Returns the same, but raises error 28000 for a signed-out caller. It is only for calls that no condition on data
-- precedes.
create function reach(variadic actions text[]) returns bigint
language sql stable
return (identify(true, false, actions)).reach;

-- Returns the caller's own record, whatever their role may view.
create function my_account()
	returns table (id bigint, employee_number text, first_name text, last_name text, email text,
	role text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select c.id, c.employee_number, c.first_name, c.last_name, c.email, c.role, c.created_at, c.updated_at, c.deleted_at
	from collaborator c where c.id = (select (me(true)).id)
$$;

-- Returns judged() of one action, for functions that run for each row. From the second row on, the rows of a statement
-- share a judgement for up to a second by the wall clock, while the snapshot is the same: what another transaction
-- commits, such as the end of the session, counts at once. It is kept in a setting, behind the statement's time, with a
-- MAC over all that it holds for, and only the owner reads the key. A row is not accepted on that alone: its policy
-- compares its session with a judgement that the statement has made itself. All parts of the message but the last have
-- a fixed length. For the first row only the time is kept: most statements have one row, and a MAC takes half as long
-- as a judgement.
create function rejudged(action text) returns identity
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	slot    text := 'crm.judged.' || action;
	kept    text := current_setting(slot, true); -- the time, the MAC and the judgement
	time    text := encode(timestamptz_send(statement_timestamp()), 'hex'); -- 16 digits
	key     bytea;
	message bytea;
	who     identity;
begin
	if left(kept, 16) = time then
		key := (select s.value from secret s where s.name = 'judgement');
		message := key || timestamptz_send(statement_timestamp())
			|| timestamptz_send(date_trunc('second', clock_timestamp()))
			|| sha256(convert_to(concat_ws(' ', action, pg_current_snapshot(), pg_current_xact_id_if_assigned()),
				'UTF8'))
			|| sha256(convert_to(coalesce(current_setting('crm.token', true), ''), 'UTF8'));
		if length(kept) > 80 and sha256(convert_to(substr(kept, 17, 64), 'UTF8')) = sha256(convert_to(encode(
			sha256(key || sha256(message || convert_to(substr(kept, 81), 'UTF8'))), 'hex'), 'UTF8')) then
			return substr(kept, 81)::identity;
		end if;
	end if;
	who := identify(false, false, array[action]);
	if message is null then
		perform set_config(slot, time, true);
	elsif who.reach is not null then
		perform set_config(slot, time || encode(sha256(key || sha256(message || convert_to(who::text, 'UTF8'))), 'hex')
			|| who::text, true);
	end if;
	return who;
end $$;

-- Returns must_first of the caller's standing.
create function my_duty() returns text
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select s.must_first from standing s where s.collaborator_id = (select (me(true)).id)
$$;

-- Returns the permissions of the caller's role. The program uses them for help, completion and early refusals.
create function my_permissions() returns table (action text, scope text)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select p.action, p.scope from permission p where p.role = (select (caller()).role) and (me(true)).id is not null
$$;

-- Returns the identity of the session that guard() has stamped on a row; null stands for the owner's own work. Triggers
-- use it instead of the token, which the statement may have changed in the meantime.
create function stamped(session bigint) returns identity
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	who identity;
begin
	if session is not null then
		select i.collaborator_id, c.role, i.id, i.seeding into who
		from session i join collaborator c on c.id = i.collaborator_id where i.id = session;
	end if;
	return who;
end $$;

-- Returns the timestamp of a change: the transaction's start, so that all rows of a transaction agree; in a transaction
-- older than a minute the statement's start, so that an open transaction cannot backdate.
create function stamp_at(begun timestamptz, came timestamptz) returns timestamptz
language sql immutable parallel safe
return case when came - begun > interval '1 minute' then came else begun end;

-- Returns stamp_at() of the current statement, or, in a session of `crm seed` only, the setting crm.clock.
create function moment(seeding boolean) returns timestamptz
language sql stable
return coalesce(case when seeding then nullif(current_setting('crm.clock', true), '')::timestamptz end,
	stamp_at(now(), statement_timestamp()));

-- 5 ------------------------------------------------------------------------ signing in

-- Signing in is an exchange in the manner of SCRAM (RFC 5802), with K, the key that argon2id derives from the password,
-- as ClientKey and its SHA-256, credential.key_hash, as StoredKey:
--
--   transcript  = 'crm sign-in' || server nonce || client nonce || SHA-256(email as sent)
--   auth        = transcript || purpose; purpose is empty for signing in, else the SHA-256 of the ticket's use
--   proof       = K xor HMAC(SHA-256(K), auth)
--   code_proof  = code, padded with zeros to 32 bytes, xor HMAC(K, 'code' || transcript)
--   device      = SHA-256(device key), device_proof = device key xor HMAC(device, transcript)
--   session key = HMAC(K, 'session' || auth), never sent
--   signature   = HMAC(K, 'server' || auth), with which the client authenticates the server
--
-- The first transaction, sign_in(), records the attempt and compares nothing. A later one, redeem(), verifies it.
-- What sign_in() reads, writes and locks does not depend on any secret; redeem()'s depends only on what its result
-- shows anyway.

-- Returns the account whose address has this SHA-256, or known = false and another account as a decoy. It always reads
-- the whole (small) table, so neither its duration nor the statistics views show whether the address is known.
create function find_account(address bytea, out known boolean, out account credential)
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	who record;
begin
	select c.id, sha256(convert_to(lower(c.email), 'UTF8')) = address and c.deleted_at is null as hit into who
	from collaborator c join credential k on k.collaborator_id = c.id
	order by (sha256(convert_to(lower(c.email), 'UTF8')) = address and c.deleted_at is null) desc, k.changed_at desc
	limit 1;
	select k.* into account from credential k where k.collaborator_id = who.id;
	known := coalesce(who.hit, false);
end $$;

-- Returns the server's nonce for an address: the time in milliseconds (8 bytes), 16 random bytes, and 16 bytes of the
-- HMAC of both and the address under a key of the database. So the database can verify a nonce without storing it.
create function sign_in_nonce(address bytea, made bytea) returns bytea
language sql stable set search_path = :"schema", pg_temp
return made || substr(hmac_sha256((select s.value from secret s where s.name = 'sign_in_nonce'), made || address), 1,
	16);

-- Reports whether a nonce was made for the address, at most two minutes before the moment.
create function is_fresh(nonce bytea, address bytea, moment timestamptz) returns boolean
language sql stable set search_path = :"schema", pg_temp
return sha256(nonce) = sha256(sign_in_nonce(address, substr(nonce, 1, 24)))
	and extract(epoch from moment) * 1000 - ('x'
		|| encode(substr(nonce, 1, 8), 'hex'))::bit(64)::bigint between -1000 and 120000;

-- Returns the cost and salt with which the client derives its key, and the nonce of its next attempt. An unknown
-- address gets the usual cost and an invented salt, which is always the same for the same address.
create function sign_in_params(email text, out memory_kib integer, out iterations integer, out parallelism smallint,
	out salt bytea, out nonce bytea)
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	address bytea := sha256(convert_to(lower(email), 'UTF8'));
	entry record := find_account(address);
	pepper bytea := (select s.value from secret s where s.name = 'made_up_salt');
	made_up bytea := substr(sha256(pepper || sha256(pepper || convert_to(lower(email), 'UTF8'))), 1, 16);
begin
	memory_kib := coalesce((entry.account).memory_kib, 65536);
	iterations := coalesce((entry.account).iterations, 3);
	parallelism := coalesce((entry.account).parallelism, 4);
	salt := case when entry.known then (entry.account).salt else made_up end;
	nonce := sign_in_nonce(address, int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint)
		|| substr(random_key(), 1, 16));
end $$;

-- Returns the lockout after this many failures: 30 seconds from the fifth, doubled by each further one up to an hour;
-- null before the fifth.
create function penalty(failures bigint) returns interval
language sql immutable parallel safe
return case when failures >= 5
	then least(interval '1 hour', interval '30 seconds' * power(2, least(failures, 20) - 5)) end;

-- Returns the key under which attempts are counted. Its kind is 'address', 'device' (of an address) or 'client'.
create function counter(kind text, of_address bytea, more bytea) returns bytea
language sql immutable parallel safe
return sha256(convert_to(kind, 'UTF8') || of_address || more);

-- Returns the time at which a counter was last reset, or '-infinity'. It always reads one row.
create function last_success(of_counter bytea) returns timestamptz
language plpgsql stable set search_path = :"schema", pg_temp set plan_cache_mode = force_generic_plan
set enable_indexscan = on
set enable_seqscan = off set enable_bitmapscan = off set enable_indexonlyscan = off set enable_sort = off
set enable_incremental_sort = off as $$
declare
	last sign_in_success;
begin
	select s.* into last from sign_in_success s
	where (s.counter, s.at) <= (of_counter, 'infinity'::timestamptz) order by s.counter desc, s.at desc limit 1;
	return case when last.counter = of_counter then last.at else '-infinity' end;
end $$;

-- Returns the end of the lockout that a counter's attempts cause: those after since and up to as_of, except
-- but_attempt; the first `free` ones cause none. Attempts during a lockout are not counted, so repeating them does
-- not prolong it. Concurrent attempts cannot see each other when they are recorded, so this is decided when they are
-- read. Each step reads one row and skips to the next attempt that counts; at most 40 count in a day. Unless hurried,
-- all 40 steps are made, so the duration does not show how many attempts there were.
create function wait_of(of_counter bytea, since timestamptz, as_of timestamptz, free integer, but_attempt bigint,
	hurried boolean) returns timestamptz
language plpgsql stable set search_path = :"schema", pg_temp set plan_cache_mode = force_generic_plan
set enable_indexscan = on
set enable_seqscan = off set enable_bitmapscan = off set enable_indexonlyscan = off set enable_sort = off
set enable_incremental_sort = off as $$
declare
	next    sign_in_count;
	place   timestamptz := since;
	behind  bigint := 9223372036854775807; -- an attempt's id: the next row comes after this one at place
	counted bigint := -free;
	until   timestamptz;
begin
	for i in 1 .. 40 loop
		select n.* into next from sign_in_count n
		where (n.counter, n.at, n.attempt_id) > (of_counter, place, behind) order by n.counter, n.at, n.attempt_id
		limit 1;
		if next.counter = of_counter and next.at <= as_of then
			place := next.at;
			behind := next.attempt_id;
			if next.attempt_id <> but_attempt then
				counted := counted + 1;
				if penalty(counted) is not null then
					until := next.at + penalty(counted);
					place := until;
					behind := -1;
				end if;
			end if;
		elsif hurried then
			exit;
		end if;
	end loop;
	return until;
end $$;

-- Returns the end of the lockout of an address, without counting but_attempt and attempts after as_of. A device that
-- has signed in to the address within 30 days is locked out by its own failures only, so a stranger cannot lock it out
-- by failing on purpose, even from the same network address. All other devices are locked out by two counts:
--
--   failures of the address from anywhere, since its last successful sign-in;
--   failures of the network client for any address in the last hour, beyond 20: this ends trying one password on all.
create function locked_until(of_address bytea, device bytea, client inet, but_attempt bigint,
	as_of timestamptz default 'infinity', hurried boolean default false)
returns timestamptz
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	moment   timestamptz := least(as_of, clock_timestamp());
	day      timestamptz := moment - interval '1 day';
	anywhere bytea := counter('address', of_address, '');
	here     bytea := counter('device', of_address, device);
	was_here timestamptz := last_success(here);
	by_address timestamptz := wait_of(anywhere, greatest(day, last_success(anywhere)), as_of, 0, but_attempt, hurried);
	by_device  timestamptz := wait_of(here, greatest(day, was_here), as_of, 0, but_attempt, hurried);
	by_client  timestamptz := wait_of(counter('client', '', convert_to(coalesce(host(client), ''), 'UTF8')),
		moment - interval '1 hour', as_of, 20, but_attempt, hurried);
begin
	return case
		when was_here > moment - interval '30 days' then by_device
		when client is null then by_address -- on the server's own machine, where all users share the address
		else greatest(by_address, by_client) end;
end $$;

-- SHA-1 (FIPS 180-4), which authenticator apps require and core PostgreSQL lacks.
create function sha1(message bytea) returns bytea
language plpgsql immutable strict parallel safe set search_path = :"schema", pg_temp as $$
declare
	low    constant bigint := 4294967295; -- 32 bits
	padded bytea := message || decode('80' || repeat('00', (119 - length(message) % 64) % 64), 'hex')
		|| int8send(length(message) * 8::bigint);
	h      bigint[] := array[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
	w      bigint[];
	a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; t bigint;
begin
	for block in 0 .. length(padded) / 64 - 1 loop
		for i in 0 .. 15 loop
			w[i] := ('x' || encode(substr(padded, block * 64 + i * 4 + 1, 4), 'hex'))::bit(32)::bigint;
		end loop;
		for i in 16 .. 79 loop
			t := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
			w[i] := ((t << 1) | (t >> 31)) & low; -- PostgreSQL's bit operators all bind alike
		end loop;
		a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
		for i in 0 .. 79 loop
			if i < 20 then
				f := (b & c) | (~b & low & d); k := 1518500249;
			elsif i < 40 then
				f := b # c # d; k := 1859775393;
			elsif i < 60 then
				f := (b & c) | (b & d) | (c & d); k := 2400959708;
			else
				f := b # c # d; k := 3395469782;
			end if;
			t := ((((a << 5) | (a >> 27)) & low) + f + e + k + w[i]) & low;
			e := d; d := c; c := ((b << 30) | (b >> 2)) & low; b := a; a := t;
		end loop;
		h := array[(h[1] + a) & low, (h[2] + b) & low, (h[3] + c) & low, (h[4] + d) & low, (h[5] + e) & low];
	end loop;
	return decode(lpad(to_hex(h[1]), 8, '0') || lpad(to_hex(h[2]), 8, '0') || lpad(to_hex(h[3]), 8, '0')
		|| lpad(to_hex(h[4]), 8, '0') || lpad(to_hex(h[5]), 8, '0'), 'hex');
end $$;

-- Returns the six-digit code of one time step of 30 seconds (RFC 4226, section 5.3; RFC 6238).
create function totp(secret bytea, step bigint) returns text
language plpgsql immutable strict parallel safe set search_path = :"schema", pg_temp as $$
declare
	mac bytea := sha1(hmac_block(secret, 92) || sha1(hmac_block(secret, 54) || int8send(step)));
	at  integer := get_byte(mac, 19) & 15;
begin
	return lpad(((('x' || encode(substr(mac, at + 1, 4), 'hex'))::bit(32)::bigint & 2147483647) % 1000000)::text, 6,
		'0');
end $$;

-- Returns the time step whose code this is, out of the step at the moment, the previous and the next one; otherwise
-- null. It always computes all three.
create function totp_step(secret bytea, code bytea, moment timestamptz) returns bigint
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	step  bigint := floor(extract(epoch from moment) / 30);
	found bigint;
begin
	for i in step - 1 .. step + 1 loop
		if sha256(convert_to(totp(secret, i), 'UTF8')) = sha256(code) then
			found := i;
		end if;
	end loop;
	return found;
end $$;

-- Records one attempt and returns a ticket for redeem(). It compares nothing, so a caller who rolls the attempt back,
-- to avoid being counted, has learned nothing. device and device_proof are null for an unknown device.
create function sign_in(email text, nonce bytea, client_nonce bytea, proof bytea, code_proof bytea default null,
	device bytea default null, device_proof bytea default null) returns bytea
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	who     bytea := sha256(convert_to(lower(email), 'UTF8'));
	zeros   bytea := decode(repeat('00', 32), 'hex');
	ticket  bytea := random_key();
	attempt record;
begin
	insert into sign_in_attempt (address, name_hash, nonce, client_nonce, proof, code_proof, device, device_proof,
		ticket)
	values (who, sha256(convert_to(email, 'UTF8')), sign_in.nonce, sign_in.client_nonce, sign_in.proof,
		sign_in.code_proof,
		coalesce(sign_in.device, zeros), coalesce(sign_in.device_proof, zeros), sha256(ticket))
	returning * into attempt;
	insert into sign_in_count
	select c, attempt.at, attempt.id
		from unnest(array[counter('address', who, ''), counter('device', who, attempt.device),
		counter('client', '', convert_to(coalesce(host(attempt.client), ''), 'UTF8'))]) c;
	return ticket;
end $$;

create function transcript(a sign_in_attempt) returns bytea
language sql immutable
return convert_to('crm sign-in', 'UTF8') || a.nonce || a.client_nonce || a.name_hash;

-- Returns the device of an attempt, or '' unless the attempt proved that it has the device key.
create function proven_device(a sign_in_attempt) returns bytea
language sql immutable set search_path = :"schema", pg_temp
return case when sha256(xor_bytes(a.device_proof, hmac_sha256(a.device, transcript(a)))) = a.device then a.device
	else '' end;

-- The result of redeem(). The outcome is 'opened', 'refused' or 'code_due'. The signature is null if it is 'refused',
-- the other columns are null unless it is 'opened'.
create type judgement as (outcome text, signature bytea, attempt_id bigint, collaborator_id bigint, key bytea,
	auth bytea,
	transcript bytea, password_at timestamptz, factor_at timestamptz);

-- Verifies an attempt that another transaction recorded, once, within a minute, for one purpose. An unknown ticket is
-- error 28P01. 'refused' is the same result for an unknown address, a wrong key, a wrong or used code and a lockout,
-- and all of them take the same time. 'code_due': the key was right, no code was sent and one is required. None of
-- these is an error, so the transaction commits. If the caller rolls back, the attempt stays unverified and counts as
-- a failure.
create function redeem(of_ticket bytea, purpose bytea) returns judgement
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	try     sign_in_attempt;
	entry   record;
	factor  record;
	hashes  bytea[];
	unused  boolean[];
	script  bytea;
	auth    bytea;
	key     bytea;
	code    bytea;
	step    bigint;
	rescue  bytea;
	fresh   boolean;
	right_key boolean;
	lock    timestamptz;
	account bigint;
	result  smallint;
	found_out judgement;
begin
	select a.* into try from sign_in_attempt a
	where a.ticket = sha256(of_ticket) and a.outcome = 0
		and a.transaction <> pg_current_xact_id() and a.at > clock_timestamp() - interval '1 minute'
	for update;
	if not found or purpose is null then
		raise exception using errcode = '28P01', message = 'wrong email or password';
	end if;
	entry := find_account(try.address);
	account := coalesce((entry.account).collaborator_id, 0);
	script := transcript(try);
	auth := script || purpose;
	key := xor_bytes(try.proof, hmac_sha256(coalesce((entry.account).key_hash, try.device), auth));
	fresh := is_fresh(try.nonce, try.address, try.at); -- reads a table, so it runs for unknown addresses too
	right_key := entry.known and fresh and sha256(key) = (entry.account).key_hash
		and coalesce((entry.account).expires_at > try.at, true);
	-- Both tables are read completely, and a code takes the same time for an account without a second factor.
	select max(f.created_at) filter (where f.collaborator_id = account) as created_at,
		coalesce(max(encode(f.secret, 'hex')) filter (where f.collaborator_id = account), repeat('00', 20)) as secret,
		coalesce(max(f.last_step) filter (where f.collaborator_id = account), 0) as last_step into factor
			from second_factor f;
	select array_agg(c.code_hash order by c.code_hash) filter (where c.collaborator_id = account),
		array_agg(c.used_at is null order by c.code_hash) filter (where c.collaborator_id = account) into hashes, unused
			from recovery_code c;
	if try.code_proof is not null then
		code := rtrim(xor_bytes(try.code_proof, hmac_sha256(key, 'code' || script)), '\x00'::bytea);
		step := totp_step(decode(factor.secret, 'hex'), code, try.at);
		for i in 1 .. 10 loop
			if hashes[i] = sha256(code) and unused[i] then
				rescue := hashes[i];
			end if;
		end loop;
	end if;
	if step <= factor.last_step then
		step := null;
	end if;
	lock := locked_until(try.address, proven_device(try), try.client, try.id);
	result := case
		when lock > try.at then 2
		when not right_key then 1
		when factor.created_at is null then 5
		when try.code_proof is null then 4
		when step is null and rescue is null then 3
		else 5 end;
	if result = 5 and factor.created_at is not null and not use_code(account, step, rescue) then
		result := 3;
	end if;
	update sign_in_attempt a set outcome = result where a.id = try.id;
	if result < 4 then
		found_out.outcome := 'refused';
		return found_out;
	end if;
	delete from sign_in_count n where n.attempt_id = try.id;
	found_out.signature := hmac_sha256(key, 'server' || auth);
	if result = 4 then
		found_out.outcome := 'code_due';
		return found_out;
	end if;
	insert into sign_in_success values (counter('address', try.address, ''), try.at) on conflict do nothing;
	if proven_device(try) <> '' then
		insert into sign_in_success values (counter('device', try.address, try.device), try.at) on conflict do nothing;
	end if;
	return row('opened'::text, found_out.signature, try.id, account, key, auth, script, (entry.account).changed_at,
		factor.created_at)::judgement;
end $$;

-- Marks a code as used and returns true, or false if it was used in the meantime. If two transactions use one code at
-- once, the second one waits here.
create function use_code(of_collaborator bigint, step bigint, recovery bytea) returns boolean
language plpgsql volatile set search_path = :"schema", pg_temp as $$
begin
	if step is not null then
		update second_factor f set last_step = step where f.collaborator_id = of_collaborator and f.last_step < step;
		return found;
	end if;
	update recovery_code c set used_at = clock_timestamp()
	where c.collaborator_id = of_collaborator and c.code_hash = recovery and c.used_at is null;
	if not found then
		return false;
	end if;
	insert into audit (collaborator_id, entity, entity_id, action)
		values (of_collaborator, 'user', of_collaborator, 'recovery-code');
	return true;
end $$;

-- Returns the purpose of a ticket, which the proof covers. A ticket that appears in a log serves no other purpose.
create function purpose_of(what text, memory_kib integer, iterations integer, parallelism integer, salt bytea,
	key_hash bytea) returns bytea
language sql immutable parallel safe
return sha256(convert_to(what, 'UTF8') || int4send(memory_kib) || int4send(iterations) || int4send(parallelism) || salt
	|| key_hash);

-- Writes failed attempts of all accounts to the trail, with the time of the attempt: those that were verified, and
-- those that were not within their minute. The transactions of an attempt itself write none: what they write would
-- show the outcome before it is counted. It writes at most 200, and concurrent calls never write the same one.
create function write_failures() returns void
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	try  sign_in_attempt;
	lock timestamptz;
begin
	for try in select a.* from sign_in_attempt a
		where not a.noted and a.outcome <= 3 and (a.outcome > 0 or a.at < clock_timestamp() - interval '1 minute')
		order by a.id limit 200 for update skip locked
	loop
		lock := locked_until(try.address, proven_device(try), try.client, try.id, try.at, true);
		if coalesce(lock <= try.at, true) then -- attempts during a lockout are not counted
			lock := locked_until(try.address, proven_device(try), try.client, 0, try.at, true);
			insert into audit (at, collaborator_id, client, entity, entity_id, action, after)
			values (try.at, null, try.client, 'user',
				coalesce((select c.id from collaborator c where sha256(convert_to(lower(c.email), 'UTF8')) = try.address
					and c.deleted_at is null), 0),
				'sign-in-failed', case when lock > try.at then jsonb_build_object('locked_until', lock) end);
		end if;
		update sign_in_attempt a set noted = true where a.id = try.id;
	end loop;
end $$;

-- Calls write_failures() before a signed-in caller reads the trail.
create function note_failures() returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	perform me(true);
	perform write_failures();
end $$;

-- Inserts a session.
create function new_session(of_collaborator bigint, session_key bytea, lifetime interval, for_seeding boolean,
	password_at timestamptz, factor_at timestamptz,
	out session_id bigint, out ends timestamptz)
language plpgsql volatile set search_path = :"schema", pg_temp as $$
begin
	insert into session (collaborator_id, inner_key, outer_key, ends_at, password_at, factor_at, seeding, idle)
	values (of_collaborator, hmac_block(session_key, 54), hmac_block(session_key, 92), clock_timestamp() + lifetime,
		password_at, factor_at, for_seeding,
		case when not for_seeding
			then (select nullif(s.value, '')::interval from setting s where s.name = 'session_idle') end)
	returning id, ends_at into session_id, ends;
	insert into session_use (session_id) values (new_session.session_id);
end $$;

-- Redeems the ticket of sign_in() and opens a session; both ends derive its key. The last five arguments store the
-- same password at a higher cost, or are all null. The cost is never lowered. The database cannot verify that the
-- password is the same, so the change is noted on the trail.
create function open_session(ticket bytea, lifetime interval, memory_kib integer default null,
	iterations integer default null,
	parallelism integer default null, salt bytea default null, key_hash bytea default null,
	out outcome text, out signature bytea, out session_id bigint, out collaborator_id bigint, out ends timestamptz,
		out server_time timestamptz)
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	j judgement := redeem(ticket,
		coalesce(purpose_of('cost', memory_kib, iterations, parallelism, salt, key_hash), ''));
begin
	outcome := j.outcome;
	signature := j.signature;
	if outcome <> 'opened' then
		return;
	end if;
	collaborator_id := j.collaborator_id;
	server_time := clock_timestamp();
	select n.session_id, n.ends into session_id, ends
	from new_session(collaborator_id, hmac_sha256(j.key, 'session' || j.auth),
		greatest(interval '1 second',
			least(lifetime, (select s.value::interval from setting s where s.name = 'session_lifetime'))),
		false, j.password_at, j.factor_at) n;
	insert into audit (collaborator_id, session_id, entity, entity_id, action)
	values (open_session.collaborator_id, open_session.session_id, 'user', open_session.collaborator_id, 'sign-in');
	update credential k set memory_kib = open_session.memory_kib, iterations = open_session.iterations,
		parallelism = open_session.parallelism, salt = open_session.salt, key_hash = open_session.key_hash
	where k.collaborator_id = open_session.collaborator_id and not k.must_change and open_session.key_hash is not null
		and open_session.memory_kib >= k.memory_kib and open_session.iterations >= k.iterations;
	if found then
		insert into audit (collaborator_id, session_id, entity, entity_id, action, after)
		values (open_session.collaborator_id, open_session.session_id, 'user', open_session.collaborator_id,
			'password-cost',
			jsonb_build_object('memory_kib', memory_kib, 'iterations', iterations));
	end if;
	perform write_failures();
	perform forget_tries();
end $$;

-- Deletes attempts two days after they were made, if they are on the trail or need not be; resets of counters after 31
-- days; sessions 30 days after their end. At most 1,000 of each.
create function forget_tries() returns void
language sql volatile set search_path = :"schema", pg_temp as $$
	with gone as (delete from sign_in_attempt a where a.id in (
		select o.id from sign_in_attempt o where o.at < clock_timestamp() - interval '2 days'
			and (o.noted or o.outcome > 3)
		limit 1000 for update skip locked) returning a.id)
	delete from sign_in_count n where n.attempt_id in (select g.id from gone g);
	delete from sign_in_success s where s.ctid = any (array(
		select o.ctid from sign_in_success o
		where o.at < clock_timestamp() - interval '31 days' and o.counter <> '' limit 1000 for update skip locked));
	delete from session e where e.id in (
		select o.id from session o where o.ends_at < clock_timestamp() - interval '30 days'
		limit 1000 for update skip locked);
$$;

-- Opens a session for `crm seed`. Only the owner may call it. Rows that the session adds are fictional.
create function open_seeding_session(of_collaborator bigint, out session_id bigint, out session_key bytea,
	out ends timestamptz)
language sql volatile set search_path = :"schema", pg_temp as $$
	with key as materialized (select random_key() as session_key)
	select n.session_id, k.session_key, n.ends
		from key k, new_session(of_collaborator, k.session_key, interval '1 hour', true,
		(select k.changed_at from credential k where k.collaborator_id = of_collaborator),
		(select f.created_at from second_factor f where f.collaborator_id = of_collaborator)) n
$$;

-- Records that the caller's session is in use and writes failed attempts to the trail, at most once a minute. It never
-- waits for a lock.
create function touch() returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	update session_use u set at = clock_timestamp()
	where u.session_id = (select o.session_id from session_use o
		where o.session_id = (me(true)).session_id
		and o.at < clock_timestamp() - interval '1 minute' for update skip locked);
	if found then
		perform write_failures();
	end if;
end $$;

-- Reports whether a session was not ended and has not expired. caller() checks the other conditions, such as the
-- password.
create function is_open(i session) returns boolean
language sql stable
return i.ends_at > clock_timestamp() and not exists (select from session_end e where e.session_id = i.id);

-- Ends a collaborator's sessions except but_session (null: all of them) and returns how many were ended.
create function end_sessions(of_collaborator bigint, but_session bigint) returns bigint
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	ended bigint;
begin
	insert into session_end (session_id)
	select i.id from session i
	where i.collaborator_id = of_collaborator and i.id is distinct from but_session and is_open(i);
	get diagnostics ended = row_count;
	return ended;
end $$;

-- Ends the caller's session.
create function sign_out() returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me(true);
begin
	perform note('user', caller.id, 'sign-out', null); -- before the session ends
	insert into session_end (session_id) values (caller.session_id);
end $$;

-- Returns the open sessions of a collaborator; others' need user.sessions. client is null for the server's own machine.
create function sessions_of(of_collaborator bigint)
returns table (id bigint, client text, created_at timestamptz, last_used_at timestamptz, ends_at timestamptz,
	current boolean)
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
begin
	if of_collaborator <> caller.id and reach('user.sessions') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	return query select i.id, host(i.client), i.created_at, u.at, least(i.ends_at, u.at + i.idle),
		i.id = caller.session_id
	from session i left join session_use u on u.session_id = i.id
	where i.collaborator_id = of_collaborator and is_open(i)
		and coalesce(u.at + i.idle > clock_timestamp(), true)
	order by i.id;
end $$;

-- Ends one session: the caller's own or, with user.sessions, another collaborator's.
create function end_session(of_session bigint) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
	whose  bigint := (select i.collaborator_id from session i where i.id = of_session and is_open(i));
begin
	if whose is null or whose <> caller.id then
		perform in_charge(whose, 'user.sessions');
	end if;
	perform note('user', whose, 'session-end', jsonb_build_object('session', of_session));
	insert into session_end (session_id) values (of_session);
end $$;

-- Ends all other sessions of the caller and returns how many were ended.
create function end_other_sessions() returns bigint
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
	ended  bigint := end_sessions(caller.id, caller.session_id);
begin
	perform note('user', caller.id, 'session-end', jsonb_build_object('sessions', ended));
	return ended;
end $$;

-- Raises an error unless the caller may use the action on the account of a collaborator. It needs the scope 'all'; an
-- account with a reserved role needs a caller with that role. Callers may not use it on their own account, for which
-- functions that require the password exist.
create function in_charge(of_collaborator bigint, needed text) returns void
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	who record;
begin
	if reach(needed) is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	select c.role, r.reserved into who from collaborator c join role r on r.name = c.role
	where c.id = of_collaborator and c.deleted_at is null;
	if not found then
		raise exception using errcode = 'P0002', message = 'no such collaborator';
	end if;
	if of_collaborator = (me()).id then
		raise exception using errcode = '23514', constraint = 'access_self', message = 'the own account';
	end if;
	if who.reserved and who.role <> (me()).role then
		raise exception using errcode = '42501', constraint = 'role_reserved', message = 'a reserved role',
			detail = who.role;
	end if;
end $$;

-- Ends the lockout of an account. Failures with a wrong code of the second factor are removed only if the caller may
-- remove that factor: others could reset the password and then try codes without end.
create function unlock_user(of_collaborator bigint) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	perform in_charge(of_collaborator, 'user.unlock');
	perform forgive(of_collaborator);
	perform note('user', of_collaborator, 'unlock', null);
end $$;

-- Returns the end of the longest lockout of an account, on any device that tried to sign in within a day; null if there
-- is none, and for a caller who may not end it. Lockouts of a network client do not count.
create function lockout_of(of_collaborator bigint) returns timestamptz
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	who record;
	until timestamptz;
begin
	if reach('user.unlock') is distinct from 0 then
		return null;
	end if;
	select sha256(convert_to(lower(c.email), 'UTF8')) as address, c.role, r.reserved into who
	from collaborator c join role r on r.name = c.role where c.id = of_collaborator and c.deleted_at is null;
	if who.reserved and who.role <> (me()).role then
		return null;
	end if;
	select max(locked_until(who.address, t.device, null, 0, 'infinity', true)) into until
	from (select distinct proven_device(a) as device from sign_in_attempt a
		where a.address = who.address and a.at > clock_timestamp() - interval '1 day') t;
	return case when until > clock_timestamp() then until end;
end $$;

-- Deletes the counted failures of an account. It never waits for a lock: it skips an attempt that is being verified.
create function forgive(of_collaborator bigint) returns void
language sql volatile set search_path = :"schema", pg_temp as $$
	delete from sign_in_count n where n.ctid = any (array(
		select c.ctid from sign_in_count c join sign_in_attempt a on a.id = c.attempt_id
		where a.address = (select sha256(convert_to(lower(o.email), 'UTF8')) from collaborator o
			where o.id = of_collaborator)
			and (a.outcome <> 3 or (select reach('user.mfa')) = 0)
		for update of c skip locked))
$$;

-- Stores the first credential of a collaborator; needs user.add. A one-time password is valid for a day, and a
-- session with it may only choose another one.
create function set_first_password(of_email text, memory_kib integer, iterations integer, parallelism integer,
	salt bytea, key_hash bytea, one_time boolean)
returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	if reach('user.add') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	insert into credential (collaborator_id, memory_kib, iterations, parallelism, salt, key_hash, must_change,
		expires_at)
	select c.id, memory_kib, iterations, parallelism, salt, key_hash, coalesce(one_time, false),
		case when one_time then clock_timestamp() + interval '1 day' end
	from collaborator c where lower(c.email) = lower(of_email) and c.deleted_at is null
		and (not (select r.reserved from role r where r.name = c.role) or c.role = (me()).role);
	if not found then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
end $$;

-- Gives a collaborator a one-time password, ends their sessions and their lockout, and returns when the password
-- expires.
create function reset_password(of_collaborator bigint, memory_kib integer, iterations integer, parallelism integer,
	salt bytea, key_hash bytea)
returns timestamptz
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	until timestamptz := clock_timestamp() + interval '1 day';
begin
	perform in_charge(of_collaborator, 'user.reset');
	insert into credential values (of_collaborator, memory_kib, iterations, parallelism, salt, key_hash,
		clock_timestamp(), true, until)
	on conflict (collaborator_id) do update set memory_kib = excluded.memory_kib, iterations = excluded.iterations,
		parallelism = excluded.parallelism, salt = excluded.salt, key_hash = excluded.key_hash,
		changed_at = excluded.changed_at, must_change = true, expires_at = excluded.expires_at;
	perform end_sessions(of_collaborator, null);
	perform forgive(of_collaborator);
	perform note('user', of_collaborator, 'password-reset', jsonb_build_object('expires_at', until));
	return until;
end $$;

-- Redeems a ticket for a purpose if it is of the caller's own account; others are error 28P01.
create function redeem_own(ticket bytea, purpose bytea) returns judgement
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	caller identity := me(true);
	j      judgement := redeem(ticket, purpose);
begin
	if j.outcome = 'opened' and j.collaborator_id <> caller.id then
		raise exception using errcode = '28P01', message = 'wrong email or password';
	end if;
	return j;
end $$;

-- Changes the caller's own password; the ticket comes from sign_in() with the current one. Their other sessions end.
-- The outcome is redeem()'s.
create function change_password(ticket bytea, memory_kib integer, iterations integer, parallelism integer, salt bytea,
	key_hash bytea,
	out outcome text, out signature bytea)
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	j       judgement := redeem_own(ticket,
		purpose_of('password', memory_kib, iterations, parallelism, salt, key_hash));
	caller  identity := me(true);
	changed timestamptz;
begin
	outcome := j.outcome;
	signature := j.signature;
	if outcome <> 'opened' then
		return;
	end if;
	update credential k set memory_kib = change_password.memory_kib, iterations = change_password.iterations,
		parallelism = change_password.parallelism, salt = change_password.salt, key_hash = change_password.key_hash,
		changed_at = clock_timestamp(), must_change = false, expires_at = null
	where k.collaborator_id = caller.id and k.changed_at = j.password_at
	returning k.changed_at into changed;
	if not found then -- a concurrent change was committed first
		raise exception using errcode = '28P01', message = 'wrong email or password';
	end if;
	update session i set password_at = changed where i.id = caller.session_id;
	perform end_sessions(caller.id, caller.session_id);
	perform note('user', caller.id, 'password', null);
end $$;

-- Enrols the caller's second factor. The ticket comes from sign_in() with the password and, to replace a factor, its
-- code. The new secret is sealed by xor HMAC(K, 'factor' || transcript), a code of it by xor HMAC(K, 'new code' ||
-- transcript). Other sessions end. The outcome is redeem()'s, or 'mfa_code' if the code is not of the new secret.
create function enable_mfa(ticket bytea, sealed_secret bytea, sealed_code bytea, recovery_hashes bytea[],
	out outcome text, out signature bytea)
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	j       judgement := redeem_own(ticket,
		sha256('mfa on' || int4send(length(sealed_secret)) || sealed_secret || sealed_code
		|| (select string_agg(h, ''::bytea order by o) from unnest(recovery_hashes) with ordinality u (h, o))));
	caller  identity := me(true);
	secret  bytea;
	step    bigint;
	enabled timestamptz := clock_timestamp();
begin
	outcome := j.outcome;
	signature := j.signature;
	if outcome <> 'opened' then
		return;
	end if;
	secret := xor_bytes(sealed_secret, hmac_sha256(j.key, 'factor' || j.transcript));
	step := totp_step(secret,
		rtrim(xor_bytes(sealed_code, hmac_sha256(j.key, 'new code' || j.transcript)), '\x00'::bytea), enabled);
	if step is null then
		outcome := 'mfa_code';
		return;
	end if;
	if cardinality(recovery_hashes) is distinct from 10 then
		raise exception using errcode = '23514', constraint = 'mfa_recovery', message = 'want ten codes for recovery';
	end if;
	delete from second_factor f where f.collaborator_id = caller.id and f.created_at is not distinct from j.factor_at;
	insert into second_factor (collaborator_id, secret, last_step, created_at)
		values (caller.id, secret, step, enabled);
	update session i set factor_at = enabled where i.id = caller.session_id;
	insert into recovery_code (collaborator_id, code_hash) select caller.id, h from unnest(recovery_hashes) h;
	perform end_sessions(caller.id, caller.session_id);
	perform note('user', caller.id, 'mfa-on', null);
end $$;

-- Removes the caller's second factor; the ticket comes from sign_in() with password and code. The outcome is
-- redeem()'s, 'mfa_required' if the role must have a second factor, or 'mfa_none' if there is none.
create function disable_mfa(ticket bytea, out outcome text, out signature bytea)
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	j      judgement := redeem_own(ticket, sha256('mfa off'));
	caller identity := me();
begin
	outcome := j.outcome;
	signature := j.signature;
	if outcome <> 'opened' then
		return;
	end if;
	if (select r.mfa_required from role r where r.name = caller.role) then
		outcome := 'mfa_required';
		return;
	end if;
	delete from second_factor f where f.collaborator_id = caller.id and f.created_at is not distinct from j.factor_at;
	if not found then
		outcome := 'mfa_none';
		return;
	end if;
	update session i set factor_at = null where i.id = caller.session_id; -- the session goes on
	perform note('user', caller.id, 'mfa-off', null);
end $$;

-- Removes a collaborator's lost second factor and ends their sessions.
create function clear_mfa(of_collaborator bigint) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	perform in_charge(of_collaborator, 'user.mfa');
	delete from second_factor f where f.collaborator_id = of_collaborator;
	if not found then
		raise exception using errcode = 'P0002', constraint = 'mfa_none', message = 'no second factor';
	end if;
	perform end_sessions(of_collaborator, null);
	perform note('user', of_collaborator, 'mfa-clear', null);
end $$;

-- Sets whether the holders of a role must have a second factor. A holder without one may from then on only enrol one.
create function require_mfa(of_role text, required boolean) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	if reach('user.mfa') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	update role r set mfa_required = require_mfa.required where r.name = of_role and required is not null;
	if not found then
		raise exception using errcode = 'P0002', message = 'no such role';
	end if;
	perform note('role', 0, 'mfa-require', jsonb_build_object('role', of_role, 'mfa_required', required));
end $$;

-- Returns the time at which the caller's second factor was enrolled (null: none), the number of unused recovery codes,
-- and whether the role must have a second factor.
create function my_mfa(out since timestamptz, out recovery_left bigint, out required boolean)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select (select f.created_at from second_factor f where f.collaborator_id = c.id),
		(select count(*) from recovery_code o where o.collaborator_id = c.id and o.used_at is null), r.mfa_required
	from collaborator c join role r on r.name = c.role where c.id = (select (me(true)).id)
$$;

-- 6 ----------------------------------------------------------------------------- rules
-- An error names a constraint, for which the program has a message (repo/constraints.go). DETAIL holds its variable
-- part.

-- The first trigger of every table; it runs with the caller's own rights. It verifies the token once, checks the
-- action and whether the caller owns the row, and stamps the session on the row. Later triggers and the trail read
-- that stamp: the statement can change crm.token between the row policy and the trail, but not the stamp.
--
-- The owner's functions pass the session for which they change a row as changed_in = -session. Any other change of
-- theirs has no session; only members of the owner role may make one.
create function guard() returns trigger
language plpgsql set search_path = :"schema", pg_temp as $$
declare
	noun  text := tg_argv[0];
	verb  text := 'add';
	judgement identity;
	marked text; -- the only column that deleting, canceling or restoring changes; null: another verb
	marks  boolean;
begin
	if not row_security_active(tg_relid) then
		new.changed_in := nullif(greatest(-new.changed_in, 0), 0);
		if new.changed_in is null and not pg_has_role(session_user, current_user, 'member') then
			raise exception using errcode = '42501', message = 'a change without a session';
		end if;
		-- see blockers()
		perform pg_try_advisory_xact_lock_shared(writer_class(), (new.changed_in % 2147483648)::integer);
		return new;
	end if;
	if tg_op = 'UPDATE' then
		verb := 'update';
		if new.deleted_at is distinct from old.deleted_at then
			marked := 'deleted_at';
			verb := 'delete';
		elsif noun = 'event' then -- the only records that are canceled
			if new.canceled_at is distinct from old.canceled_at then
				marked := 'canceled_at';
				verb := 'cancel';
			end if;
		end if;
	end if;
	judgement := rejudged(noun || '.' || verb);
	if judgement.session_id is null then
		perform me();
	end if;
	if (judgement.reach is null or verb <> 'add' and judgement.reach <> 0
		and covers(judgement, noun, to_jsonb(old)) is not true)
		and not (verb = 'delete' and new.deleted_at is not null and own_addition(noun, new.id)) then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	if verb <> 'add' and old.deleted_at is not null and new.deleted_at is not null then
		raise exception using errcode = '23514', constraint = 'deleted_record',
			message = 'a deleted record does not change';
	end if;
	if noun = 'event' and verb in ('update', 'cancel') then
		if old.canceled_at is not null and new.canceled_at is not null then
			raise exception using errcode = '23514', constraint = noun || '_canceled',
				message = 'a canceled record does not change', detail = new.id::text;
		end if;
	end if;
	if noun = 'event' and verb = 'add' and judgement.reach <> 0 then -- before a rule reveals data of the contract
		if exists (select from contracts k where k.id = new.contract_id
			and k.customer_sales_id is distinct from judgement.reach) then
			raise exception using errcode = '42501', message = 'not permitted';
		end if;
	end if;
	if marked is not null and to_jsonb(new) - marked is distinct from to_jsonb(old) - marked then
		raise exception using errcode = '42501', message = 'deleting and canceling change nothing else';
	end if;
	new.changed_in := judgement.session_id;
	-- see blockers(); as an expression, which needs no executor
	marks := pg_try_advisory_xact_lock_shared(writer_class(), (judgement.session_id % 2147483648)::integer);
	return new;
end $$;

-- Returns the class of the advisory locks by which transactions that change records name their session.
create function writer_class() returns integer
language sql stable
return hashtext('crm.writer ' || current_schema());

-- Returns the sessions that block a server process of the app role: those that hold its lock, and those for which these
-- wait in turn. The name is null for a process without a session of crm, and for a caller who may not view
-- collaborators. guard() marks a transaction with its session; any caller can set such marks, so names are no proof.
create function blockers(waiting integer) returns table (name text, own boolean)
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
	may_view boolean := reach('user.view') = 0;
begin
	if not exists (select from pg_stat_activity a where a.pid = waiting and a.usename = session_user) then
		return;
	end if;
	return query with recursive held (pid) as (
		select unnest(pg_blocking_pids(waiting)) union select unnest(pg_blocking_pids(h.pid)) from held h
	), named as (
		select c.id, case when may_view then c.first_name || ' ' || c.last_name end as name
		from held h left join pg_locks l on l.pid = h.pid and l.locktype = 'advisory' and l.objsubid = 2 and l.granted
				and l.classid::bigint = writer_class()::bigint & 4294967295
			left join session i on i.id % 2147483648 = l.objid::bigint
			left join collaborator c on c.id = i.collaborator_id
	)
	select distinct n.name, coalesce(n.id = caller.id, false) from named n
	where n.id is not null or not exists (select from named o where o.id is not null);
end $$;

-- Reports whether the owner is re-encrypting. No text changes then, so the change is neither stamped nor noted.
create function resealing(session bigint) returns boolean
language sql stable
return session is null and coalesce(current_setting('crm.reseal', true) = 'on', false);

-- Sets the timestamps and the mark of fictional rows; clients cannot. An update that changes no value moves no
-- timestamp.
create function stamp() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	seeding boolean := coalesce((select i.seeding from session i where i.id = new.changed_in), false);
	at      timestamptz := moment(seeding);
begin
	if tg_op = 'INSERT' then
		new.created_at := at;
		new.updated_at := at;
		new.fictional := seeding;
		return new;
	end if;
	if new.deleted_at <> old.deleted_at or old.deleted_at is null and new.deleted_at is not null then
		new.deleted_at := at;
	end if;
	old.changed_in := new.changed_in;
	new.updated_at := case when new is not distinct from old or resealing(new.changed_in) then old.updated_at
		else at end;
	return new;
end $$;

-- Returns the contact, or null if they are deleted or their role may not be that contact. The lock makes a concurrent
-- deletion wait.
create function standing_contact(contact bigint, kind text) returns bigint
language sql volatile security definer set search_path = :"schema", pg_temp as $$
	select c.id from collaborator c join role r on r.name = c.role
	where c.id = contact and c.deleted_at is null
		and case kind when 'sales' then r.sells else r.supports end
	for share of c
$$;

create function check_contact(contact bigint, kind text) returns void
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	stands bigint := (select c.id from collaborator c join role r on r.name = c.role
		where c.id = contact and c.deleted_at is null and case kind when 'sales' then r.sells else r.supports end
		for share of c); -- as in standing_contact()
begin
	if contact is null or stands is not null then
		return;
	elsif exists (select from collaborator c where c.id = contact and c.deleted_at is null) then
		raise exception using errcode = '23514', constraint = kind || '_contact_role',
			message = 'not a contact of that kind', detail = contact::text;
	end if;
	raise exception using errcode = '23503', constraint = 'no_such_record', message = 'no such collaborator',
		detail = 'user ' || contact;
end $$;

-- Refuses values that are not sealed with a key in use, see sealing_key; nulls are skipped. DETAIL: the id of their
-- key, or nothing if they have not the form of a sealed value; and that of the present key, or nothing if none is
-- registered.
create function check_sealed(variadic written bytea[]) returns void
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	refused bytea := (select v from unnest(written) v where v is not null
		and not exists (select from sealing_key k where k.state <> 'retired' and k.prefix = substr(v, 1, 5)) limit 1);
begin
	if refused is not null then
		raise exception using errcode = '23514', constraint = 'customer_sealing_key',
			message = 'not sealed with a key in use', detail = concat(
			case when get_byte(refused, 0) = 1 then ('x' || encode(substr(refused, 2, 4), 'hex'))::bit(32)::bigint end,
				' ',
			(select k.id from sealing_key k where k.state = 'present'));
	end if;
end $$;

create function customer_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp set plan_cache_mode = force_generic_plan as $$
declare
	seller bigint; -- the caller, locked as by check_contact(), if they may be a sales contact
begin
	if tg_op = 'INSERT' then
		select c.id into seller from session i join collaborator c on c.id = i.collaborator_id
			join role r on r.name = c.role
		where i.id = new.changed_in and r.sells and c.deleted_at is null for share of c;
		new.sales_id := coalesce(new.sales_id, seller);
		if new.sales_id <> seller then
			raise exception using errcode = '42501', message = 'the creator is the sales contact';
		end if;
	end if;
	if new.sales_id is distinct from (case when tg_op = 'INSERT' then seller else old.sales_id end) then
		perform check_contact(new.sales_id, 'sales');
	end if;
	if tg_op = 'UPDATE' and new.deleted_at is null and old.deleted_at is not null then
		if merged_to(new.id) is not null then
			raise exception using errcode = '23514', constraint = 'customer_merged', message = 'merged',
				detail = new.id || ' was merged into customer ' || merged_to(new.id);
		end if;
		new.sales_id := standing_contact(new.sales_id, 'sales'); -- null if deleted meanwhile
	end if;
	if tg_op = 'UPDATE' and new.deleted_at is not null and old.deleted_at is null and exists (
		select from contract c where c.customer_id = new.id and c.deleted_at is null
			and c.status not in ('finished', 'canceled')) then
		raise exception using errcode = '23503', constraint = 'customer_has_contracts',
			message = 'unfinished contracts',
			detail = (select count(*) from contract c where c.customer_id = new.id and c.deleted_at is null
				and c.status not in ('finished', 'canceled'))::text;
	end if;
	return new;
end $$;

-- When a customer gets another sales contact, contracts with the former contact get the new one too. An undo of changes
-- that were made together is an exception, because the changes of the contracts are among them.
create function customer_follow() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	if exists (select from audit a where a.id = nullif(current_setting('crm.undoes', true), '')::bigint
		and a.batch is not null) then
		return null;
	end if;
	update contract c set sales_id = new.sales_id, changed_in = -new.changed_in
	where c.customer_id = new.id and c.sales_id is not distinct from old.sales_id;
	return null;
end $$;

-- A contact belongs to a live customer when it is added. A customer has at most 100 live ones.
create function contact_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	lives boolean;
begin
	if new.deleted_at is not null
		or tg_op = 'UPDATE' and old.deleted_at is null and new.customer_id = old.customer_id then
		return new;
	end if;
	select c.deleted_at is null into lives from customer c where c.id = new.customer_id for no key update;
	if tg_op = 'INSERT' and lives is not true then
		raise exception using errcode = '23503', constraint = 'contact_customer_id_fkey', message = 'no such customer',
			detail = new.customer_id::text;
	end if;
	if (select count(*) >= 100 from contact n where n.customer_id = new.customer_id and n.deleted_at is null) then
		raise exception using errcode = '23514', constraint = 'contact_too_many', message = 'too many contacts',
			detail = new.customer_id::text;
	end if;
	return new;
end $$;

-- Updates customer.contact_tokens, so that a search finds a customer by its contacts. The lock makes a concurrent
-- change of another contact wait; without it each would omit the tokens of the other.
create function index_contact() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	of_customer bigint;
	session     bigint := case when tg_op <> 'DELETE' then new.changed_in end;
	tokens      integer[];
begin
	for of_customer in select distinct o.id from (values (case when tg_op <> 'INSERT' then old.customer_id end),
		(case when tg_op <> 'DELETE' then new.customer_id end)) o (id) where o.id is not null order by o.id
	loop
		perform from customer c where c.id = of_customer for no key update;
		tokens := (select coalesce(array_agg(distinct t), '{}') from contact n, unnest(search_tokens(n)) t
			where n.customer_id = of_customer and n.deleted_at is null);
		update customer c set contact_tokens = tokens, changed_in = -session where c.id = of_customer
			and c.contact_tokens <> tokens;
	end loop;
	return null;
end $$;

-- Empties the pending list of the search index. A seeding session, which writes each record with a statement of its own
-- and sets crm.clock, does that once at its end; until then the list has at most gin_pending_list_limit.
create function flush_tokens() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	if coalesce(current_setting('crm.clock', true), '') = '' then
		perform gin_clean_pending_list((tg_table_name || '_search')::regclass);
	end if;
	return null;
end $$;

create function check_priced(total numeric) returns void
language plpgsql set search_path = :"schema", pg_temp as $$
begin
	if total = 0 then
		raise exception using errcode = '23514', constraint = 'contract_unpriced', message = 'signed without a price';
	end if;
end $$;

-- The state machine, the contact and the amounts of a contract. A contract leaves canceled only by an undo of the
-- canceling; trail() verifies that it is one. A contract is signed with a positive total, which stays positive.
-- Contracts that were signed without one before version 5 can get one, or be finished.
create function contract_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	if tg_op = 'INSERT' or new.customer_id <> old.customer_id then
		perform from customer c where c.id = new.customer_id and c.deleted_at is null for share;
		if not found then
			raise exception using errcode = '23503', constraint = 'contract_customer_id_fkey',
				message = 'no such customer', detail = new.customer_id::text;
		end if;
	end if;
	if tg_op = 'INSERT' then
		new.sales_id := coalesce(new.sales_id, (select c.sales_id from customer c where c.id = new.customer_id));
		new.remaining_amount := new.total_amount;
		if new.status not in ('to_send', 'pending', 'signed') then
			raise exception using errcode = '23514', constraint = 'contract_state', message = 'not a first state',
				detail = 'new → ' || new.status;
		end if;
		if new.status = 'signed' then
			perform check_priced(new.total_amount);
			new.signed_at := new.created_at;
		end if;
		perform check_contact(new.sales_id, 'sales');
		return new;
	end if;
	if new.sales_id is distinct from old.sales_id then
		perform check_contact(new.sales_id, 'sales');
	end if;
	new.remaining_amount := new.remaining_amount + new.total_amount - old.total_amount;
	if new.remaining_amount < 0 and new.total_amount >= 0 and new.total_amount < old.total_amount then
		raise exception using errcode = '23514', constraint = 'contract_overpaid', message = 'less than what was paid',
			detail = new.id || ' ' || old.total_amount - old.remaining_amount;
	end if;
	if new.status <> old.status then
		if (old.status, new.status) not in (
			('to_send', 'pending'), ('to_send', 'signed'), ('to_send', 'canceled'),
			('pending', 'signed'), ('pending', 'canceled'), ('signed', 'finished'))
			and not (old.status = 'canceled'
				and exists (select from audit a where a.id = nullif(current_setting('crm.undoes', true), '')::bigint
				and a.entity = 'contract' and a.entity_id = new.id and a.before->>'status' = new.status)) then
			raise exception using errcode = '23514', constraint = 'contract_state', message = 'no such step',
				detail = old.status || ' → ' || new.status;
		end if;
		new.signed_at := case when new.status = 'signed' then new.updated_at else old.signed_at end;
	end if;
	if new.status = 'signed' and (old.status <> 'signed' or old.total_amount > 0) then
		perform check_priced(new.total_amount);
	end if;
	return new;
end $$;

-- An entry of the ledger. Updating the contract locks its row, so concurrent entries wait for each other, and the
-- contract's CHECK refuses an entry that would overdraw.
create function payment_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := rejudged('contract.update');
	state  text;
	remains numeric;
	covered boolean;
begin
	if caller.session_id is null then
		perform me();
	end if;
	new.recorded_by := caller.id;
	new.changed_in := caller.session_id;
	new.created_at := moment(caller.seeding);
	new.fictional := caller.seeding;
	select c.status, c.remaining_amount, covers_contract(caller, c.sales_id, c.customer_id)
	into state, remains, covered from contract c where c.id = new.contract_id and c.deleted_at is null for update;
	if not found then
		raise exception using errcode = '23503', constraint = 'payment_contract_id_fkey', message = 'no such contract',
			detail = new.contract_id::text;
	end if;
	if state = 'canceled' or (state = 'finished' and new.amount <> 0) then
		raise exception using errcode = '23514', constraint = 'payment_contract_closed',
			message = 'the contract is closed', detail = state;
	end if;
	if covered is not true then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	if new.amount > remains then
		raise exception using errcode = '23514', constraint = 'payment_too_much', message = 'more than what remains',
			detail = remains::text;
	end if;
	if new.paid_on > (moment(caller.seeding) + interval '14 hours')::date then -- the date in UTC+14
		raise exception using errcode = '23514', constraint = 'payment_future', message = 'paid in the future';
	end if;
	update contract c set remaining_amount = c.remaining_amount - new.amount, changed_in = -caller.session_id
		where c.id = new.contract_id;
	return new;
end $$;

-- Return the sales contact of a customer, and of the customer of a contract, for policies. For a signed-out caller they
-- return null, and payable() returns false: an error would reveal which rows exist.
create function contact_of_customer(of_customer bigint) returns bigint
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	return (select c.sales_id from customer c where c.id = of_customer
		and (rejudged('customer.view')).reach = 0);
end $$;
create function contact_of_contract(of_contract bigint) returns bigint
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	return (select c.sales_id from contract k join customer c on c.id = k.customer_id
		where k.id = of_contract and (rejudged('contract.view')).reach = 0);
end $$;

-- Reports whether the reach of judged() covers a contract. Its owners are its sales contact and its customer's, who is
-- looked up only if the answer depends on them.
create function covers_contract(judgement identity, sales_id bigint, of_customer bigint) returns boolean
language plpgsql stable set search_path = :"schema", pg_temp as $$
begin
	return coalesce(judgement.reach in (0, sales_id), false) or judgement.reach = contact_of_customer(of_customer);
end $$;

-- Reports the same of a record of any noun, from its values; the row policies for updates use the same owners.
create function covers(judgement identity, noun text, kept jsonb) returns boolean
language sql stable
return case when noun = 'contract'
	then covers_contract(judgement, (kept->>'sales_id')::bigint, (kept->>'customer_id')::bigint)
	else within(judgement, array[case noun
		when 'customer' then (kept->>'sales_id')::bigint
		when 'contact' then contact_of_customer((kept->>'customer_id')::bigint)
		when 'event' then (kept->>'support_id')::bigint
		when 'note' then (kept->>'author_id')::bigint
		when 'view' then (kept->>'owner_id')::bigint
		when 'map' then (kept->>'owner_id')::bigint
		else (kept->>'id')::bigint end]) end;

-- Reports whether the caller may add to a contract's ledger. It needs the right to update the contract.
create function payable(of_contract bigint) returns boolean
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	return coalesce((select covers_contract(rejudged('contract.update'), k.sales_id, k.customer_id)
		from contract k where k.id = of_contract), false);
end $$;

-- The contract and the contact of an event. Canceling removes the support contact, so the event does not count among a
-- collaborator's events. Restoring takes the contact from the trail, unless they have left. A new event needs a name, a
-- start and an end, and no change empties them. Events from before version 5 may lack them until they are set.
create function event_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	missing text;
begin
	if tg_op = 'INSERT' or new.contract_id <> old.contract_id then
		perform from contract c where c.id = new.contract_id and c.deleted_at is null and c.status = 'signed' for share;
		if not found then
			perform check_record(null, new.contract_id, null);
			raise exception using errcode = '23503', constraint = 'event_contract_signed',
				message = 'no such signed contract', detail = new.contract_id::text;
		end if;
	end if;
	missing := concat_ws(', ',
		case when new.name is null and (tg_op = 'INSERT' or old.name is not null) then '--name' end,
		case when new.start_date is null and (tg_op = 'INSERT' or old.start_date is not null) then '--start-date' end,
		case when new.end_date is null and (tg_op = 'INSERT' or old.end_date is not null) then '--end-date' end);
	if missing <> '' then
		raise exception using errcode = '23514', constraint = 'event_incomplete',
			message = 'an event without a name or dates', detail = missing;
	end if;
	-- An event whose contract gets another customer keeps the contact that it names. The views show a contact only
	-- while it is one of the event's customer.
	if new.contact_id is not null and (tg_op = 'INSERT' or new.contact_id is distinct from old.contact_id) then
		perform from contact n join contract k on k.id = new.contract_id
		where n.id = new.contact_id and n.customer_id = k.customer_id and n.deleted_at is null for share of n;
		if not found then
			if not exists (select from contact n where n.id = new.contact_id and n.deleted_at is null) then
				raise exception using errcode = '23503', constraint = 'no_such_record', message = 'no such contact',
					detail = 'contact ' || new.contact_id;
			end if;
			raise exception using errcode = '23514', constraint = 'event_contact',
				message = 'not a contact of the customer', detail = new.contact_id::text;
		end if;
	end if;
	if tg_op = 'INSERT' or new.support_id is distinct from old.support_id then
		perform check_contact(new.support_id, 'support');
	end if;
	if tg_op = 'UPDATE' and new.deleted_at is null and old.deleted_at is not null then
		new.support_id := standing_contact(new.support_id, 'support'); -- null if deleted meanwhile
	end if;
	if tg_op = 'UPDATE' and new.canceled_at is not null and old.canceled_at is null then
		new.canceled_at := new.updated_at;
		new.support_id := null;
	elsif tg_op = 'UPDATE' and new.canceled_at is null and old.canceled_at is not null then
		new.support_id := standing_contact((select (a.before->>'support_id')::bigint from audit a
			where a.entity = 'event' and a.entity_id = new.id and a.action = 'cancel' order by a.id desc
			limit 1), 'support');
	end if;
	return new;
end $$;

-- Refuses a note or tag on a record that does not exist or is deleted. DETAIL: the record. The lock, which the foreign
-- key takes anyway, waits for a merge, which would not see the new row.
create function check_record(of_customer bigint, of_contract bigint, of_event bigint) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	if num_nonnulls(of_customer, of_contract, of_event) = 1 then
		if of_customer is not null then
			perform from customer c where c.id = of_customer and c.deleted_at is null for key share;
		elsif of_contract is not null then
			perform from contract k where k.id = of_contract and k.deleted_at is null for key share;
		else
			perform from event e where e.id = of_event and e.deleted_at is null for key share;
		end if;
		if found then
			return;
		end if;
	end if;
	raise exception using errcode = '23503', constraint = 'no_such_record', message = 'no such record',
		detail = coalesce('customer ' || of_customer, 'contract ' || of_contract, 'event ' || of_event, 'record');
end $$;

create function note_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := stamped(new.changed_in);
	undone jsonb; -- the values from before the change that this one claims to undo; trail() verifies that
begin
	if tg_op = 'INSERT' then
		new.author_id := caller.id;
		perform check_record(new.customer_id, new.contract_id, new.event_id);
	end if;
	select a.before into undone from audit a
	where a.id = nullif(current_setting('crm.undoes', true), '')::bigint and a.entity = 'note' and a.entity_id = new.id;
	if tg_op = 'UPDATE' and undone is null and new.due is not null and new.due is distinct from old.due
		and new.done_at is not distinct from old.done_at then
		new.done_at := null; -- it is open again
	end if;
	if new.done_at is not null and (tg_op = 'INSERT' or new.done_at is distinct from old.done_at)
		and new.done_at is distinct from (undone->>'done_at')::timestamptz then
		new.done_at := moment(caller.seeding);
	end if;
	return new;
end $$;

create function tag_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	perform check_record(new.customer_id, new.contract_id, new.event_id);
	return new;
end $$;

-- Makes the caller the owner of what they save.
create function set_owner() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	new.owner_id := (stamped(new.changed_in)).id;
	return new;
end $$;

create function view_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	if new.shared_with <> 'all' and not exists (select from role r where r.name = new.shared_with) then
		raise exception using errcode = '23503', constraint = 'view_role', message = 'no such role',
			detail = new.shared_with;
	end if;
	if tg_op = 'UPDATE' and old.deleted_at is not null and new.deleted_at is null and new.shared_with is not null
		and exists (select from saved_view v
			where v.name = new.name and v.shared_with is not null and v.deleted_at is null) then
		if new.owner_id is distinct from (stamped(new.changed_in)).id then
			raise exception using errcode = '23505', constraint = 'saved_view_shared', message = 'the name is taken';
		end if;
		new.shared_with := null; -- the name is taken now: it comes back as a view of its owner's alone
	end if;
	return new;
end $$;

-- Returns the open work of a collaborator as text, or null if there is none.
create function open_work(of_collaborator bigint) returns text
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select nullif(concat_ws(', ',
		(select count(*) || case count(*) when 1 then ' customer' else ' customers' end from customer c
			where c.sales_id = of_collaborator and c.deleted_at is null having count(*) > 0),
		(select count(*) || case count(*) when 1 then ' open contract' else ' open contracts' end from contract c
			where c.sales_id = of_collaborator and c.deleted_at is null and c.status not in ('finished', 'canceled')
			having count(*) > 0),
		(select count(*) || case count(*) when 1 then ' coming event' else ' coming events' end from event e
			where e.support_id = of_collaborator and e.deleted_at is null and coalesce(e.end_date > now(), true)
			having count(*) > 0)), '')
$$;

create function collaborator_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := stamped(new.changed_in);
	leaves boolean := tg_op = 'UPDATE' and new.deleted_at is not null and old.deleted_at is null;
	moves  boolean := tg_op = 'UPDATE' and new.role <> old.role;
	work   text;
begin
	if tg_op = 'INSERT' then
		new.employee_number := coalesce(new.employee_number, 'E' || lpad(new.id::text, 4, '0'));
	end if;
	if caller.id is not null and exists (select from role r where r.reserved and r.name <> caller.role
		and r.name in (new.role, case when tg_op = 'UPDATE' then old.role else new.role end)) then
		raise exception using errcode = '42501', constraint = 'role_reserved', message = 'a reserved role',
			detail = (select r.name from role r where r.reserved and r.name <> caller.role
				and r.name in (new.role, case when tg_op = 'UPDATE' then old.role else new.role end) limit 1);
	end if;
	if leaves and new.id = caller.id then
		raise exception using errcode = '23514', constraint = 'collaborator_self',
			message = 'deletes themselves';
	end if;
	if moves and new.id = caller.id then
		raise exception using errcode = '23514', constraint = 'collaborator_own_role',
			message = 'changes their own role';
	end if;
	if (leaves or moves) and exists (select from role r where r.name = old.role and r.reserved) then
		perform from role r where r.name = old.role for update; -- one such change at a time
		if not exists (select from collaborator c where c.role = old.role and c.id <> new.id and c.deleted_at is null)
			then
			raise exception using errcode = '23514', constraint = 'role_last_holder', message = 'the last one',
				detail = old.role;
		end if;
	end if;
	if leaves or moves then
		work := open_work(new.id);
		if work is not null then
			raise exception using errcode = '23503', constraint = 'collaborator_has_work',
				message = 'still responsible', detail = work;
		end if;
		perform end_sessions(new.id, null);
	end if;
	return new;
end $$;

-- Moves a collaborator's customers, open contracts and coming events to another one and returns their numbers. A
-- separate entry of the trail leads all the changes; see lead().
create function hand_over(from_id bigint, to_id bigint, out customers bigint, out contracts bigint, out events bigint)
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
begin
	if reach('user.handover') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	perform from collaborator c where c.id = from_id and c.deleted_at is null for update;
	if not found or to_id is null then
		raise exception using errcode = 'P0002', message = 'no such collaborator';
	end if;
	customers := (select count(*) from customer c where c.sales_id = from_id and c.deleted_at is null);
	contracts := (select count(*) from contract c where c.sales_id = from_id and c.deleted_at is null
		and c.status not in ('finished', 'canceled'));
	events := (select count(*) from event e where e.support_id = from_id and e.deleted_at is null
		and coalesce(e.end_date > now(), true));
	perform lead('user', from_id, 'hand-over',
		jsonb_build_object('to', to_id, 'customers', customers, 'contracts', contracts, 'events', events));
	update customer c set sales_id = to_id, changed_in = -caller.session_id where c.sales_id = from_id
		and c.deleted_at is null;
	update contract c set sales_id = to_id, changed_in = -caller.session_id
	where c.sales_id = from_id and c.deleted_at is null and c.status not in ('finished', 'canceled');
	update event e set support_id = to_id, changed_in = -caller.session_id
	where e.support_id = from_id and e.deleted_at is null and coalesce(e.end_date > now(), true);
end $$;

-- Triggers of one event fire in the order of their names.
create trigger a_guard before insert or update on collaborator for each row execute function guard('user');
create trigger a_guard before insert or update on customer for each row execute function guard('customer');
create trigger a_guard before insert or update on contact for each row execute function guard('contact');
create trigger a_guard before insert or update on contract for each row execute function guard('contract');
create trigger a_guard before insert or update on event for each row execute function guard('event');
create trigger a_guard before insert or update on note for each row execute function guard('note');
create trigger a_guard before insert or update on tag for each row execute function guard('tag');
create trigger a_guard before insert or update on saved_view for each row execute function guard('view');
create trigger a_guard before insert or update on saved_map for each row execute function guard('map');
create trigger b_stamp before insert or update on collaborator for each row execute function stamp();
-- Not if only contact_tokens change: that does not change the customer.
create trigger b_stamp before insert on customer for each row execute function stamp();
create trigger b_stamp_update before update on customer for each row
	when (old.contact_tokens is not distinct from new.contact_tokens
		or old.full_name is distinct from new.full_name) execute function stamp();
create trigger b_stamp before insert or update on contact for each row execute function stamp();
create trigger b_stamp before insert or update on contract for each row execute function stamp();
create trigger b_stamp before insert or update on event for each row execute function stamp();
create trigger b_stamp before insert or update on note for each row execute function stamp();
create trigger b_stamp before insert or update on tag for each row execute function stamp();
create trigger b_stamp before insert or update on saved_view for each row execute function stamp();
create trigger b_stamp before insert or update on saved_map for each row execute function stamp();
create trigger c_rules before insert or update on collaborator for each row execute function collaborator_rules();
create trigger c_rules before insert or update on customer for each row execute function customer_rules();
create trigger c_rules before insert or update on contact for each row execute function contact_rules();
create trigger c_rules before insert or update on contract for each row execute function contract_rules();
create trigger c_rules before insert or update on event for each row execute function event_rules();
create trigger c_rules before insert or update on note for each row execute function note_rules();
create trigger c_rules before insert on tag for each row execute function tag_rules();
create trigger c_owner before insert on saved_view for each row execute function set_owner();
create trigger c_rules before insert or update on saved_view for each row execute function view_rules();
create trigger c_owner before insert on saved_map for each row execute function set_owner();
create trigger c_rules before insert on payment for each row execute function payment_rules();
create trigger d_index after insert or delete or update of customer_id, deleted_at, full_name_tokens, role_tokens,
	email_tokens, phone_tokens on contact
	for each row execute function index_contact();
create trigger d_flush after insert or update on customer for each statement execute function flush_tokens();
create trigger d_flush after insert or update on contact for each statement execute function flush_tokens();
create trigger d_flush after insert or update on event for each statement execute function flush_tokens();
create trigger d_flush after insert or update on note for each statement execute function flush_tokens();
create trigger d_follow after update of sales_id on customer for each row
	when (old.sales_id is distinct from new.sales_id) execute function customer_follow();

-- 7 ------------------------------------------------------------------------- the trail

-- The trail: the person, time and origin of each action, and the values before and after. Sealed values stay sealed; an
-- update stores only the columns that changed.
create table audit (
	id              bigint generated always as identity primary key,
	at              timestamptz not null default clock_timestamp(),
	-- null: the owner's own work (init, purge), or a signed-out caller; no foreign key, because the trail outlives all
	collaborator_id bigint,
	session_id      bigint,
	client          inet default inet_client_addr(),
	-- customer, contact, contract, event, note, tag, view, map, user, payment, role, keyset or schema; any noun for
	-- refusals and exports
	entity          text not null,
	entity_id       bigint not null,
	action          text not null check (action ~ '^[a-z]+(-[a-z]+)*$'),
	before          jsonb,
	after           jsonb,
	undoes          bigint, -- the entry that this one undoes
	derived         boolean not null default false, -- a consequence of another change
	batch           bigint -- the entry that leads this change and others, which are undone together; null: none
);
create index audit_entity on audit (entity, entity_id, id);
create unique index audit_undoes_key on audit (undoes) where undoes is not null;
create index audit_collaborator on audit (collaborator_id, id);
create index audit_at on audit (at);
create index audit_batch on audit (batch, id) where batch is not null;

-- Reports whether an entry with this action leads changes.
create function leads(action text) returns boolean
language sql immutable parallel safe
return action in ('hand-over', 'update-many', 'merge', 'import');

-- Writes an entry by the caller that leads the following changes in the transaction, until crm.batch is empty again. It
-- returns the entry.
create function lead(of_entity text, of_id bigint, what text, details jsonb) returns bigint
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
	entry  bigint;
begin
	insert into audit (collaborator_id, session_id, entity, entity_id, action, after)
	values (caller.id, caller.session_id, of_entity, of_id, what, details) returning id into entry;
	perform set_config('crm.batch', entry::text, true);
	return entry;
end $$;

-- Writes an entry for a row that was updated or deleted; NAME_added() does that for new rows. Bytes are always written
-- as hex digits, regardless of bytea_output, so that sealed values can be recognised, opened and erased.
create function trail() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp set bytea_output = 'hex' as $$
declare
	session bigint := case when tg_op = 'UPDATE' then new.changed_in end; -- only the owner deletes
	was    jsonb := kept_of(old);
	is_now jsonb;
	whole  jsonb;
	same   text[];
	what   text := 'purge';
	undone bigint := claimed_undo();
	leader bigint;
begin
	if tg_op = 'UPDATE' then
		same := same_of(old, new);
		whole := kept_of(new);
		was := was - same;
		is_now := whole - same;
		what := case
			when was ? 'deleted_at' then case when is_now->>'deleted_at' is null then 'restore' else 'delete' end
			when was ? 'canceled_at' then case when is_now->>'canceled_at' is null then 'restore' else 'cancel' end
			else 'update' end;
		if was = '{}' and undone is null or resealing(new.changed_in) and was - sealed_columns(tg_relid)::text[] = '{}'
			then
			return null; -- only timestamps and ciphertexts have changed
		end if;
	end if;
	if tg_op = 'UPDATE' and tg_argv[0] = 'contract' and was->>'status' = 'canceled' and undone is null then
		-- contract_rules() has seen a claim that was taken back since, such as by RETURNING
		raise exception using errcode = '42501', message = 'only an undo takes a contract out of canceled';
	end if;
	if undone is not null then
		perform check_undo(undone, session, tg_argv[0], old.id, what, nullif(was, '{}'), whole);
	end if;
	if current_setting('crm.batch', true) <> '' then
		leader := (select a.id from audit a where a.id = current_setting('crm.batch')::bigint
			and a.session_id = session and leads(a.action));
	end if;
	insert into audit (collaborator_id, session_id, entity, entity_id, action, before, after, undoes, derived, batch)
	values ((select i.collaborator_id from session i where i.id = session), session, tg_argv[0], old.id, what,
		nullif(was, '{}'), jsonb_strip_nulls(nullif(is_now, '{}')), undone, pg_trigger_depth() > 1, leader);
	return null;
end $$;

-- Returns the entry that the statement claims to undo; null if it claims none, and for the changes that follow from it.
create function claimed_undo() returns bigint
language sql stable
return case when pg_trigger_depth() = 1 then nullif(current_setting('crm.undoes', true), '')::bigint end;

-- Writes an entry by the caller that is not about a change of a record.
create function note(of_entity text, of_id bigint, what text, details jsonb) returns void
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	caller identity := me(true);
begin
	insert into audit (collaborator_id, session_id, entity, entity_id, action, after)
	values (caller.id, caller.session_id, of_entity, of_id, what, details);
end $$;

-- Returns a noun, command or format if it has the form of one, and otherwise 'other', so a client cannot write text of
-- its own into the trail.
create function plain_name(said text) returns text
language sql immutable parallel safe
return case when said ~ '^[a-z]{1,20}([ -][a-z]{1,20}){0,3}$' then said else 'other' end;

-- Writes an entry that the caller was refused an action. The transaction of the refused statement is rolled back, so
-- the program calls this afterwards. Other clients can omit it.
create function note_refusal(refused text, of_entity text, of_id bigint) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	perform note(plain_name(of_entity), coalesce(of_id, 0), 'refuse',
		jsonb_build_object('action', plain_name(refused)));
end $$;

-- Writes an entry that the caller has received rows of a list in a format for programs. The program calls it; other
-- clients can omit it.
create function note_export(of_entity text, rows bigint, format text) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	perform note(plain_name(of_entity), 0, 'export',
		jsonb_build_object('rows', greatest(rows, 0), 'format', plain_name(format)));
end $$;

create trigger z_trail after update or delete on collaborator for each row execute function trail('user');
create trigger z_trail after update or delete on customer for each row execute function trail('customer');
create trigger z_trail after update or delete on contact for each row execute function trail('contact');
create trigger z_trail after update or delete on contract for each row execute function trail('contract');
create trigger z_trail after update or delete on event for each row execute function trail('event');
create trigger z_trail after update or delete on note for each row execute function trail('note');
create trigger z_trail after update or delete on tag for each row execute function trail('tag');
create trigger z_trail after update or delete on saved_view for each row execute function trail('view');
create trigger z_trail after update or delete on saved_map for each row execute function trail('map');
create trigger z_trail after update or delete on payment for each row execute function trail('payment');

-- These functions are generated from the catalogue, since the trail calls them for every entry:
--
--   sealed_in(noun)   the names of a noun's sealed columns; immutable, so the hash chain can call it
--   kept_of(row)      the values of a row that the trail keeps: all but timestamps and derived columns
--   same_of(was, now) the names of those that are the same in two rows
--   NAME_added()      the trigger that writes the entries for all rows that a statement adds to the table NAME, at its
--                     end: for 1,000 rows that takes a quarter of the time of one statement for each
do $$
declare
	schema constant regnamespace := quote_ident(current_schema())::regnamespace;
	tab    regclass;
	kept   text;
	same   text;
begin
	execute 'create or replace function sealed_in(of_entity text) returns text[] '
		|| 'language sql immutable parallel safe return case of_entity '
		|| (select string_agg(format('when %L then %L::text[]', trail_noun(c.oid), sealed_columns(c.oid)), ' '
			order by c.relname)
			from pg_class c where c.relnamespace = schema and c.relkind = 'r'
				and sealed_columns(c.oid) <> '{}' and trail_noun(c.oid) is not null)
		|| ' else ''{}''::text[] end';
	for tab in select c.oid from pg_class c where c.relnamespace = schema and c.relkind = 'r'
		and trail_noun(c.oid) is not null order by c.relname
	loop
		select format('jsonb_build_object(%s)', string_agg(format('%1$L, r.%1$I', a.attname), ', ' order by a.attname)),
			format('array_remove(array[%s], null)', string_agg(format('case when was.%1$I is not distinct from '
				|| 'now.%1$I then %1$L end', a.attname), ', ' order by a.attname)) into kept, same
		from pg_attribute a
		where a.attrelid = tab and a.attnum > 0 and not a.attisdropped
			and a.attname <> all ('{id,created_at,updated_at,changed_in,fictional}'::name[] || token_columns(tab));
		execute format('create or replace function kept_of(r %s) returns jsonb language sql stable return %s', tab,
			kept);
		execute format('create or replace function same_of(was %1$s, now %1$s) returns text[] language sql stable '
			|| 'return %2$s', tab, same);
		execute format('create or replace function %I() returns trigger
			language plpgsql security definer set search_path = %I, pg_temp set bytea_output = ''hex'' as
			$trail$
			declare
				undone bigint := claimed_undo();
				leader bigint := nullif(current_setting(''crm.batch'', true), '''')::bigint;
			begin
				if undone is not null then
					perform check_undo(undone, r.changed_in, %3$L, r.id, ''add'', null, %4$s) from added r;
				end if;
				insert into audit (collaborator_id, session_id, entity, entity_id, action, after, undoes, derived,
					batch)
				select i.collaborator_id, r.changed_in, %3$L, r.id, ''add'', jsonb_strip_nulls(%4$s), undone,
					pg_trigger_depth() > 1, (select a.id from audit a where a.id = leader
						and a.session_id = r.changed_in and leads(a.action))
				from added r left join session i on i.id = r.changed_in order by r.id;
				return null;
			end $trail$', (select c.relname from pg_class c where c.oid = tab) || '_added', current_schema(),
			trail_noun(tab), kept);
		execute format('create trigger z_added after insert on %s referencing new table as added for each statement '
			|| 'execute function %I()', tab, (select c.relname from pg_class c where c.oid = tab) || '_added');
	end loop;
end $$;

-- Reports whether a value of the trail equals the value of a row. Sealed values are compared without the digest that
-- the trail adds when it re-encrypts them, timestamps regardless of their time zone.
create function is_value(of_entity text, name text, kept jsonb, is_now jsonb) returns boolean
language sql stable
return case
	when name = any (sealed_in(of_entity)) then split_part(kept #>> '{}', ' ', 1) is not distinct from is_now #>> '{}'
	when name in ('start_date', 'end_date', 'first_at', 'done_at')
	then (kept #>> '{}')::timestamptz is not distinct from (is_now #>> '{}')::timestamptz
	else kept = coalesce(is_now, 'null') end;

-- Reports whether a change undoes the change of an entry, from the row before and after it: every value must become its
-- value before the entry, and only values that the database maintains may change besides. So a false claim neither
-- hides a change nor prevents the undo of the entry.
create function takes_back(entry audit, of_id bigint, what text, changed jsonb, is_now jsonb) returns boolean
language sql stable
return entry.undoes is null and (not entry.derived or entry.batch is not null) and case
	when entry.entity = 'payment' then entry.action = 'add' and what = 'add'
	and is_now->'contract_id' = entry.after->'contract_id'
		and (is_now->>'amount')::numeric = - (entry.after->>'amount')::numeric
	when entry.entity_id <> of_id then false
	when entry.action = 'add' then what = 'delete'
	when entry.action = 'restore' then what = case when entry.before ? 'canceled_at' then 'cancel' else 'delete' end
	when entry.action = 'delete' then what = 'restore' and changed ? 'deleted_at'
	when entry.action = 'cancel' then what = 'restore' and changed ? 'canceled_at'
	else entry.action = 'update' and what = 'update'
		and not exists (select from jsonb_object_keys(coalesce(changed, '{}')) name where not entry.before ? name
			and name not in ('remaining_amount', 'signed_at'))
		and not exists (select from jsonb_each(entry.before) was
			where was.key not in ('remaining_amount', 'signed_at')
			and not is_value(entry.entity, was.key, was.value, is_now->was.key))
end;

-- Refuses a change that claims to undo an entry, unless it takes back a change of the same collaborator.
create function check_undo(of_entry bigint, session bigint, noun text, of_id bigint, what text, changed jsonb,
	is_now jsonb) returns void
language plpgsql stable set search_path = :"schema", pg_temp as $$
begin
	if not exists (select from audit a where a.id = of_entry and a.entity = noun
		and a.collaborator_id = (select i.collaborator_id from session i where i.id = session)
		and takes_back(a, of_id, what, changed, is_now)) then
		raise exception using errcode = '42501', message = 'one undoes what one did';
	end if;
end $$;

-- Returns the digest of a sealed value that the chain covers: the SHA-256 of its bytes when it was written. So the
-- value can be re-encrypted (\x… sha256:…) or erased (sha256:…) without breaking the chain.
create function sealed_digest(value text) returns text
language sql immutable parallel safe
return case
	when value ~ '^\\x[0-9a-f]+$' then case when octet_length(value) >= 68 and octet_length(value) % 2 = 0
		then 'sha256:' || encode(sha256(value::bytea), 'hex') else value end
	when value like '%sha256:%' and value ~ '^(\\x01([0-9a-f]{2})+ )?sha256:[0-9a-f]{64}$' then right(value, 71)
	else value end;

-- Returns values of the trail in the form that the chain covers: with digests in place of sealed values. An empty
-- object of a customer is null, as in the first release. It is not one expression with all sealed columns of all nouns:
-- PostgreSQL prepares that for each statement, which took a third of the time of adding a record.
create function audit_digests(of_entity text, kept jsonb) returns jsonb
language plpgsql stable strict parallel safe set search_path = :"schema", pg_temp as $$
declare
	name text;
begin
	foreach name in array sealed_in(of_entity) loop
		if jsonb_typeof(kept->name) = 'string' then
			kept := kept || jsonb_build_object(name, sealed_digest(kept->>name));
		end if;
	end loop;
	return case when of_entity <> 'customer' or kept <> '{}' then kept end;
end $$;

-- Refuses changes of the trail, also by its owner, except of the form of a sealed value. Changes made without this
-- trigger break the chain.
create function append_only() returns trigger
language plpgsql set search_path = :"schema", pg_temp as $$
begin
	if tg_level = 'ROW' and to_jsonb(new) - '{before,after}'::text[] = to_jsonb(old) - '{before,after}'::text[]
		and audit_digests(new.entity, new.before) is not distinct from audit_digests(old.entity, old.before)
		and audit_digests(new.entity, new.after) is not distinct from audit_digests(old.entity, old.after) then
		return new;
	end if;
	raise exception using errcode = '42501', message = 'the trail is append-only';
end $$;
create trigger append_only before delete or truncate on audit for each statement execute function append_only();
create trigger append_only_row before update on audit for each row execute function append_only();

-- The hash chain: the link of an entry holds the SHA-256 of the previous link and of the entry, so an entry that is
-- changed, removed or inserted breaks the chain from there on. Entries are linked at commit. Linking never blocks: if
-- another commit holds the lock, the entry is queued, and the next commit links it (at most 1,000 of them).
create table audit_link (
	position bigint primary key,
	audit_id bigint not null unique,
	hash     bytea not null check (length(hash) = 32)
);
create table audit_unlinked (
	audit_id bigint primary key
);

-- Links entries in their order. The text of an entry has its timestamps in UTC. Plans are kept while a connection
-- lives, so one that was made for a short trail must do for a long one: it looks up each entry.
create function link_entries(of_entries bigint[]) returns void
language plpgsql volatile set search_path = :"schema", pg_temp set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off
set enable_seqscan = off as $$
declare
	last   audit_link := (select l from audit_link l order by l.position desc limit 1);
	chain  bytea := coalesce(last.hash, '');
	linked bigint[];
	hashes bytea[];
	entry  bigint;
	body   bytea;
begin
	for entry, body in
		select a.id, convert_to((jsonb_build_array(
			a.id, a.at, a.collaborator_id, a.session_id, a.client, a.entity, a.entity_id, a.action,
			audit_digests(a.entity, a.before), audit_digests(a.entity, a.after), a.undoes, a.derived)
			|| case when a.batch is null then '[]' else to_jsonb(a.batch) end)::text, 'UTF8')
		from unnest(of_entries) with ordinality e(id, place) join audit a on a.id = e.id order by e.place
	loop
		chain := sha256(chain || body);
		linked := linked || entry;
		hashes := hashes || chain;
	end loop;
	insert into audit_link
	select coalesce(last.position, 0) + l.place, l.id, l.hash
	from unnest(linked, hashes) with ordinality l(id, hash, place);
end $$;

-- Links the queue, and the next 1,000 entries of the transaction together: those that this statement sees, that no
-- other transaction has linked or queued.
create function link_entry() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp set enable_seqscan = off as $$
declare
	waiting bigint[];
begin
	if exists (select from audit_link l where l.audit_id = new.id) then
		return null;
	end if;
	if not pg_try_advisory_xact_lock(hashtextextended('crm.audit', tg_relid::bigint)) then
		insert into audit_unlinked values (new.id);
		return null;
	end if;
	waiting := array(select u.audit_id from audit_unlinked u join audit a on a.id = u.audit_id
		order by u.audit_id limit 1000);
	if waiting <> '{}' then
		perform link_entries(waiting);
		delete from audit_unlinked u where u.audit_id = any (waiting);
	end if;
	-- The subqueries with a limit stay index lookups; as joins they could read a whole table.
	perform link_entries(array(select a.id from audit a where a.id between new.id and new.id + 999
		and (select l.audit_id from audit_link l where l.audit_id = a.id limit 1) is null
		and (select u.audit_id from audit_unlinked u where u.audit_id = a.id limit 1) is null
		order by a.id));
	return null;
end $$;
create constraint trigger link_entry after insert
	on audit deferrable initially deferred for each row execute function link_entry();

-- The requests of programs. If a connection is lost at commit, the program queries whether the transaction was
-- committed. The transaction inserts the row together with its first entry of the trail, so both exist or neither. A
-- row without an entry means that no transaction with this key was committed, and prevents a later commit.
create table request (
	key             uuid primary key, -- chosen by the client
	collaborator_id bigint,           -- of the entry, or of the query of its result
	entry           bigint,           -- of the trail; null: the transaction was not committed
	transaction     xid8 not null default pg_current_xact_id(),
	at              timestamptz not null default clock_timestamp()
);
create index request_at on request (at);

-- Stores the request of a transaction with its first entry. It raises 23505 if the key was used before. In one of 100
-- calls it deletes requests older than 30 days. It sets crm.kept, so that the trigger does not call it for the other
-- entries. A caller who sets crm.kept only prevents that their own request is stored; they could also send none.
create function keep_request() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	this uuid := nullif(current_setting('crm.request', true), '')::uuid;
begin
	if this is null or exists (select from request r where r.key = this and r.transaction = pg_current_xact_id()) then
		return new;
	end if;
	insert into request (key, collaborator_id, entry) values (this, new.collaborator_id, new.id);
	perform set_config('crm.kept', this::text, true);
	if random() < 0.01 then
		delete from request r where r.key in (select o.key from request o
			where o.at < clock_timestamp() - interval '30 days'
			order by o.at limit 1000 for update skip locked);
	end if;
	return new;
end $$;
create trigger keep_request before insert on audit for each row
	when (current_setting('crm.request', true) is distinct from current_setting('crm.kept', true))
	execute function keep_request();

-- Reports whether the caller's request was committed. It waits for a running one. If there is none, it inserts a row
-- that refuses a later one, so false is final.
create function fate(of_request uuid) returns boolean
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me(true);
begin
	insert into request (key, collaborator_id) values (of_request, caller.id) on conflict do nothing;
	return exists (select from request r where r.key = of_request and r.collaborator_id = caller.id
		and r.entry is not null);
end $$;

-- Reports the same without waiting or inserting: null if the caller has no such request. It verifies the caller
-- first: a condition in the query would be tested only if the key exists, and so reveal that to a stranger.
create function known_fate(of_request uuid) returns boolean
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me(true);
begin
	return (select r.entry is not null from request r where r.key = of_request and r.collaborator_id = caller.id);
end $$;

-- Returns the ID of the first record that the caller's current request changed: the added one if it added a record.
create function requested_id() returns bigint
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me(true);
begin
	return (select a.entity_id from request r join audit a on a.id = r.entry
		where r.key = current_setting('crm.request')::uuid and r.collaborator_id = caller.id);
end $$;

-- Returns the customer into which a deleted one was merged, or null. A merge that is undone, or is being undone, does
-- not count.
create function merged_to(of_customer bigint) returns bigint
language sql stable set search_path = :"schema", pg_temp as $$
	select m.entity_id from (select a.batch from audit a
		where a.entity = 'customer' and a.entity_id = of_customer and a.action = 'delete' order by a.id desc limit 1) d
		join audit m on m.id = d.batch
	where m.action = 'merge' and (m.after->>'other')::bigint = of_customer
		and not exists (select from audit u where u.undoes = m.id)
$$;

-- Returns a customer and those that were merged into it.
create function merged_into(of_customer bigint) returns setof bigint
language sql stable set search_path = :"schema", pg_temp as $$
	with recursive merged (id) as (
		select of_customer
		union
		select (a.after->>'other')::bigint from merged m join audit a on a.entity = 'customer' and a.entity_id = m.id
		where a.action = 'merge' and a.undoes is null and not exists (select from audit u where u.undoes = a.id))
	select m.id from merged m where m.id is not null
$$;

-- Returns what became of a deleted record that the caller may view: the customer into which it was merged, or 0. It
-- returns null if the record is not deleted or does not exist.
create function gone(of_noun text, of_id bigint) returns bigint
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	is_deleted boolean;
begin
	if of_noun = 'view' or reached(of_noun || '.view') is distinct from 0 then
		return null; -- views are personal
	end if;
	execute format('select t.deleted_at is not null from %s t where t.id = $1', table_of(of_noun))
		into is_deleted using of_id;
	return case when is_deleted then coalesce(case of_noun when 'customer' then merged_to(of_id) end, 0) end;
end $$;

-- Reports whether the caller sees a view.
create function sees_view(of_id bigint) returns boolean
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	return exists (select from saved_views v where v.id = of_id);
end $$;

-- Returns the changes of one record, oldest first; of a customer also those of customers that were merged into it. It
-- needs the permission to view such records; of a view, access to it. Other entries, such as sign-ins and refusals,
-- need audit.view, except about the caller's own account.
create function history(of_entity text, of_id bigint)
returns table (id bigint, at timestamptz, user_id bigint, user_name text, action text, before jsonb, after jsonb,
	record_id bigint)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select a.id, a.at, a.collaborator_id, c.first_name || ' ' || c.last_name, a.action, a.before, a.after, a.entity_id
	from audit a left join collaborator c on c.id = a.collaborator_id
	where a.entity = of_entity
		and a.entity_id = any (case of_entity when 'customer' then array(select merged_into(of_id))
			else array[of_id] end)
		and (select reach(of_entity || '.view')) = 0
		and (of_entity <> 'view' or (select sees_view(of_id)))
		and (a.action in ('add', 'update', 'delete', 'cancel', 'restore', 'purge', 'erase', 'hand-over', 'merge')
			or (select reach('audit.view')) = 0 or of_entity = 'user' and of_id = (select me_id()))
	order by a.id
$$;

-- Begins the changes of many records of a noun by the caller; see lead().
create function lead_update(of_noun text) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	perform lead(plain_name(of_noun), 0, 'update-many', null);
end $$;

-- Changes records of a table with the caller's own rights. changes has the new values of columns by id. It returns the
-- number of changed records, and those that policies, triggers and constraints refused. If not for_good it rolls back;
-- if not partly it rolls back if one is refused.
create function change_many(of_noun text, tab regclass, changes jsonb, for_good boolean, partly boolean) returns jsonb
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	which   bigint;
	new     jsonb;
	touched bigint;
	changed bigint := 0;
	refused jsonb := '[]';
	code    text;
	broken  text;
	more    text;
begin
	begin
		if coalesce(current_setting('crm.batch', true), '') = '' then -- else an import leads them
			perform lead_update(of_noun);
		end if;
		for which, new in select c.key::bigint, c.value from jsonb_each(changes) c order by 1 loop
			begin
				execute format('update %1$s t set %2$s '
					|| 'from jsonb_populate_record(null::%1$s, $1) r where t.id = $2 and t.deleted_at is null', tab,
					(select string_agg(format('%1$I = r.%1$I', name), ', ') from jsonb_object_keys(new) name))
				using new, which;
				get diagnostics touched = row_count;
				changed := changed + touched;
				if touched = 0 then
					refused := refused || jsonb_build_object('id', which, 'code', '42501');
				end if;
			exception when integrity_constraint_violation or data_exception or insufficient_privilege or no_data_found
				then
				get stacked diagnostics code = returned_sqlstate, broken = constraint_name, more = pg_exception_detail;
				refused := refused || jsonb_build_object('id', which, 'code', code, 'constraint', broken, 'detail',
					more);
			end;
		end loop;
		if not for_good or changed = 0 or not partly and refused <> '[]' then
			raise exception using errcode = 'CRM00';
		end if;
	exception when sqlstate 'CRM00' then
		null; -- the changes are rolled back
	end;
	return jsonb_build_object('changed', changed, 'refused', refused);
end $$;

-- Writes the entry that leads the records which an import adds and changes.
create function lead_import(of_noun text) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	perform lead(plain_name(of_noun), 0, 'import', null);
end $$;

-- Adds records to a table with the caller's own privileges. rows is an array of objects; a column that an object lacks
-- has its default. It adds all with one statement or, if one is refused, each with its own. It returns the new ids in
-- the order of the rows, if the caller may read ids of the table, and the refused rows, by their place from 0. clocks
-- has the setting crm.clock of each row, for moment(). It is set when a row has been read, before its triggers.
create function add_many(tab regclass, rows jsonb, clocks text[] default null) returns jsonb
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	written text := (select string_agg(format('%I', k.name), ', ') from (
		select distinct jsonb_object_keys(r) as name from jsonb_array_elements(rows) r) k);
	missing text := (select string_agg(format('%s as %I', pg_get_expr(d.adbin, d.adrelid), a.attname), ', ')
		from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
		where d.adrelid = tab and a.attgenerated = '');
	adding  text := format('insert into %1$s (%2$s) select %2$s from jsonb_populate_recordset('
		'jsonb_populate_record(null::%1$s, (select to_jsonb(d) from (select %3$s) d)), $1) with ordinality%4$s',
		tab, written, missing,
		case when clocks is not null then ' where set_config(''crm.clock'', $2[ordinality], true) is not null' end);
	ids     jsonb := '[]';
	refused jsonb := '[]';
	place   bigint := 0;
	row     jsonb;
	new     jsonb;
	code    text;
	broken  text;
	more    text;
begin
	adding := case when has_column_privilege(tab, 'id', 'select')
		then format('with added as (%s returning id) select coalesce(jsonb_agg(id order by id), ''[]'') from added',
			adding)
		else format('with added as (%s) select ''[]''::jsonb', adding) end;
	begin
		execute adding into ids using rows, clocks;
		return jsonb_build_object('ids', ids, 'refused', refused);
	exception when integrity_constraint_violation or data_exception or insufficient_privilege or no_data_found then
		ids := '[]';
	end;
	for row in select e.value from jsonb_array_elements(rows) e loop
		begin
			execute adding into new
				using jsonb_build_array(row), clocks[place + 1 : place + 1];
			ids := ids || case when new = '[]' then '[0]' else new end;
		exception when integrity_constraint_violation or data_exception or insufficient_privilege or no_data_found then
			get stacked diagnostics code = returned_sqlstate, broken = constraint_name, more = pg_exception_detail;
			refused := refused || jsonb_build_object('id', place, 'code', code, 'constraint', broken, 'detail', more);
			ids := ids || '[0]'::jsonb;
		end;
		place := place + 1;
	end loop;
	return jsonb_build_object('ids', ids, 'refused', refused);
end $$;

-- Returns the first contact of a customer, or null.
create function first_contact(of_customer bigint) returns bigint
language sql stable set search_path = :"schema", pg_temp as $$
	select c.id from contact c where c.customer_id = of_customer and c.deleted_at is null
	order by c.first_at desc nulls last, c.id limit 1
$$;

-- Merges one customer into another: moves every row that refers to it, in whatever table, and deletes it. Of taken,
-- columns of a customer, keep gets the other's values. A row that keep has already, such as a tag of the same name, is
-- deleted. The first contact of keep stays the first one. It returns the number of live rows that were moved, by noun.
create function merge_customers(keep bigint, other bigint, taken text[]) returns jsonb
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller    identity := me();
	judgement identity := judged('customer.merge');
	moved     jsonb := '{}';
	owners    bigint[];
	first     bigint; -- contact of keep
	together  bigint; -- live contacts of both
	child     record;
	which     bigint;
	lives     boolean;
begin
	if judgement.reach is null then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	perform from customer c where c.id in (keep, other) and c.deleted_at is null order by c.id for update;
	first := first_contact(keep);
	owners := array(select c.sales_id from customer c where c.id in (keep, other) and c.deleted_at is null);
	if cardinality(owners) <> 2 then
		raise exception using errcode = 'P0002', message = 'no such customers';
	end if;
	if exists (select from unnest(owners) o where within(judgement, array[o]) is not true) then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	if not taken <@ (sealed_columns('customer')::text[] || array['sales_id', 'external_id']) then
		raise exception using errcode = '42501', message = 'not a column that can be taken';
	end if;
	together := (select count(*) from contact c where c.customer_id in (keep, other) and c.deleted_at is null);
	if together > 100 then
		raise exception using errcode = '23514', constraint = 'merge_contacts', message = 'too many contacts',
			detail = together::text;
	end if;
	perform set_config('crm.undoes', '', true); -- a merge undoes nothing
	perform lead('customer', keep, 'merge', jsonb_build_object('other', other));
	for child in select f.conrelid::regclass as tab, a.attname as link, trail_noun(f.conrelid) as noun,
			exists (select from pg_attribute d where d.attrelid = f.conrelid and d.attname = 'deleted_at'
				and not d.attisdropped) as marks
		from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
		where f.contype = 'f' and f.confrelid = 'customer'::regclass and f.conrelid <> f.confrelid order by 1
	loop
		for which in execute format('select t.id from %s t where t.%I = $1 order by t.id for update', child.tab,
			child.link) using other
		loop
			begin
				execute format('update %s t set %I = $1, changed_in = $2 where t.id = $3 returning %s', child.tab,
					child.link, case when child.marks then 't.deleted_at is null' else 'true' end)
				into lives using keep, -caller.session_id, which;
				if lives then
					moved := moved || jsonb_build_object(child.noun, coalesce((moved->>child.noun)::bigint, 0) + 1);
				end if;
			exception when unique_violation then
				if not child.marks then
					raise;
				end if;
				execute format('update %s t set deleted_at = now(), changed_in = $1
					where t.id = $2 and t.deleted_at is null', child.tab)
				using -caller.session_id, which;
			end;
		end loop;
	end loop;
	update contact c set changed_in = -caller.session_id, first_at = (
		select greatest(now(), max(o.first_at) + interval '1 microsecond') from contact o where o.customer_id = keep)
	where c.id = first and c.id <> first_contact(keep);
	update customer c set deleted_at = now(), changed_in = -caller.session_id where c.id = other;
	if taken <> '{}' then -- now that the external ID is free
		execute format('update customer k set changed_in = -$1, %s from customer o where k.id = $2 and o.id = $3', (
			select string_agg(format('%1$I = o.%1$I', name), ', ')
			from unnest(taken || array(select t::text from unnest(token_columns('customer')) t
				where left(t, -7) = any (taken))) name))
		using caller.session_id, keep, other;
	end if;
	perform set_config('crm.batch', '', true);
	return moved;
end $$;

-- Returns the table of a noun.
create function table_of(of_noun text) returns regclass
language sql stable set search_path = :"schema", pg_temp as $$
	select c.oid::regclass from pg_class c
	where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind = 'r'
	and trail_noun(c.oid) = of_noun
$$;

-- Reports whether no live row refers to a record. It reads the foreign keys in the catalogue, so a new table needs no
-- list.
create function stands_alone(of_noun text, of_id bigint) returns boolean
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	tab   regclass := table_of(of_noun);
	query text;
	found boolean;
begin
	for query in
		select format('select exists (select from %s t where t.%I = $1 %s)', f.conrelid::regclass, a.attname,
			case when exists (select from pg_attribute d
			where d.attrelid = f.conrelid and d.attname = 'deleted_at' and not d.attisdropped)
			then 'and t.deleted_at is null' end)
		from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
		where f.contype = 'f' and f.confrelid = tab
	loop
		execute query into found using of_id;
		if found then
			return false;
		end if;
	end loop;
	return true;
end $$;

-- Reports whether an entry has added a record, not a payment, within the last hour.
create function is_young(entry audit) returns boolean
language sql volatile
return entry.action = 'add' and entry.entity <> 'payment' and entry.at > clock_timestamp() - interval '1 hour';

-- Reports whether an entry adds a record that its author may remove without the right to delete it: within an hour, and
-- while nothing refers to it.
create function is_fresh(entry audit) returns boolean
language sql stable set search_path = :"schema", pg_temp as $$
	select is_young(entry) and stands_alone(entry.entity, entry.entity_id)
$$;

-- Reports whether the caller is undoing the addition of a record and may do so without the right to delete it.
create function own_addition(of_noun text, of_id bigint) returns boolean
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	if (caller()).id is null then -- a policy calls it, which raises no error for what the setting holds
		return false;
	end if;
	return exists (select from audit a where a.id = nullif(current_setting('crm.undoes', true), '')::bigint
		and a.collaborator_id = (select (caller()).id) and a.entity = of_noun and a.entity_id = of_id and is_fresh(a));
end $$;

-- Returns the caller's last changes of records that can be undone, the newest first. It omits changes that undo
-- another, are undone or were seeded, and those of sessions that were deleted 30 days after their end. Changes that
-- were made together count as one, that of the entry that leads them. fresh is true of records added within the hour:
-- whether others refer to them is found out by undoing it. changed_at and changed_by belong to the first
-- later change of a record by another collaborator, or by the caller if it is not undone.
create function my_changes(at_most bigint)
returns table (id bigint, at timestamptz, entity text, entity_id bigint, action text, before jsonb, after jsonb,
	members bigint, records bigint, fresh boolean,
	changed_at timestamptz, changed_by text)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select a.id, a.at, a.entity, a.entity_id, a.action, a.before, a.after, a.members,
		case when a.members is not null then (select count(distinct b.entity_id) from audit b
			where b.batch = a.id and b.entity = a.entity) end,
		is_young(a.entry), later.at, later.who
	from (select a.*, a as entry,
		case when leads(a.action) then (select count(*) from audit b where b.batch = a.id
			and (a.entity <> 'payment' or b.entity = 'payment')) end as members from audit a
		where a.collaborator_id = (select me_id()) and (a.action in ('add', 'update', 'delete', 'cancel', 'restore')
				and a.entity in ('user', 'customer', 'contact', 'contract', 'event', 'note', 'tag', 'view', 'map',
					'payment')
			or leads(a.action) and exists (select from audit b where b.batch = a.id))
			and a.batch is null and a.undoes is null and not a.derived
			and not exists (select from audit u where u.undoes = a.id)
			and exists (select from session i where i.id = a.session_id and not i.seeding)
		order by a.id desc limit at_most) a left join lateral (
		select n.at, c.first_name || ' ' || c.last_name as who
		from (select a.entity, a.entity_id, a.id where a.members is null union all select b.entity, b.entity_id, b.id
			from audit b where b.batch = a.id and (a.entity <> 'payment' or b.entity = 'payment')) m
			cross join lateral (select n.id, n.at, n.collaborator_id from audit n -- limit: by the index of the record
			where n.entity = m.entity and n.entity_id = m.entity_id and n.id > m.id
				and (n.collaborator_id is distinct from a.collaborator_id or not n.derived)
				and n.batch is distinct from a.id and n.undoes is null
				and n.action in ('add', 'update', 'delete', 'cancel', 'restore')
				and not exists (select from audit u where u.undoes = coalesce(n.batch, n.id))
			order by n.id limit 1) n left join collaborator c on c.id = n.collaborator_id
		order by n.id limit 1) later on true
	order by a.id desc
$$;

-- Returns the changes that an entry of the caller leads, the newest first.
create function led_changes(of_entry bigint) returns table (id bigint, entity text, entity_id bigint, before jsonb)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select b.id, b.entity, b.entity_id, b.before from audit b
	where b.batch = of_entry and exists (select from audit a where a.id = of_entry
		and a.collaborator_id = (select me_id()))
	order by b.id desc
$$;

-- Returns the verb of the action that undoes a change; guard() judges the same.
create function undoing(change audit) returns text
language sql immutable parallel safe
return case when change.action = 'update' then 'update' when change.before ? 'canceled_at' then 'cancel'
	else 'delete' end;

-- Reports whether a change was made by the hand-over or merge that leads it: of the collaborator's records, or of the
-- two customers and theirs. kept is the record now. Other changes can be added to them (see trail()), and are undone
-- with the right to change their records only.
create function is_part(led audit, change audit, kept jsonb) returns boolean
language sql immutable parallel safe
return coalesce(case led.action
	when 'hand-over' then change.entity in ('customer', 'contract', 'event')
		and led.entity_id = (coalesce(change.before->>'sales_id', change.before->>'support_id'))::bigint
	when 'merge' then (case change.entity when 'customer' then change.entity_id else (kept->>'customer_id')::bigint end)
		in (led.entity_id, (led.after->>'other')::bigint) end, false);

-- Undoes all changes that an entry of the caller leads and returns their number. It needs the right to make them. The
-- values come from the trail. The trail has no search tokens, so tokens has the values of their columns by change:
-- {"12": {"email_tokens": [1, 2]}}. Of an import, it deletes contracts only while they are drafts of the last hour on
-- which nothing depends, and corrects each payment by its opposite, as the ledger keeps all entries.
create function take_back(of_entry bigint, tokens jsonb) returns bigint
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller    identity := me();
	led       audit := (select a from audit a where a.id = of_entry and a.collaborator_id = caller.id
		and leads(a.action) and a.undoes is null);
	judgement identity := judged(case led.action when 'hand-over' then 'user.handover'
		when 'merge' then 'customer.merge' end);
	needed    text; -- the action of the judgement, for changes that are no part of a hand-over or merge
	change    audit;
	tab       regclass;
	row       jsonb;
	former    jsonb;
	taken     bigint := 0;
begin
	if led.id is null or led.action = 'hand-over' and judgement.reach is distinct from 0
		or led.action = 'merge' and within(judgement,
			array[(select c.sales_id from customer c where c.id = led.entity_id)]) is not true then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	for change in select b.* from audit b where b.batch = led.id order by b.entity, b.entity_id loop
		execute format('select from %s t where t.id = $1 for update', table_of(change.entity)) using change.entity_id;
	end loop;
	-- sees all commits until now
	if not exists (select from my_changes(1000) c where c.id = led.id and c.changed_at is null) then
		raise exception using errcode = '23514', constraint = 'undo_changed', message = 'changed meanwhile';
	end if;
	perform set_config('crm.batch', '', true);
	insert into audit (collaborator_id, session_id, entity, entity_id, action, before, undoes)
	values (caller.id, caller.session_id, led.entity, led.entity_id, led.action, led.after, led.id);
	for change in select b.* from audit b where b.batch = led.id order by b.id desc loop
		tab := table_of(change.entity);
		execute format('select to_jsonb(t) from %s t where t.id = $1', tab) into row using change.entity_id;
		if change.entity = 'payment' then
			perform set_config('crm.undoes', change.id::text, true);
			insert into payment (contract_id, amount, paid_on, changed_in) -- payment_rules() judges it
			select p.contract_id, - p.amount, p.paid_on, - caller.session_id from payment p
			where p.id = change.entity_id;
			taken := taken + 1;
			continue;
		end if;
		-- The remaining amounts of payments, and what an import has changed of a record that it added.
		if led.entity = 'payment' or led.action = 'import' and change.action <> 'add'
			and exists (select from audit b where b.batch = led.id and b.action = 'add' and b.entity = change.entity
				and b.entity_id = change.entity_id) then
			continue;
		end if;
		if change.action = 'add' and change.entity = 'contract'
			and not (row->>'status' in ('to_send', 'pending') and is_fresh(change)) then
			raise exception using errcode = '23514', constraint = 'undo_added', message = 'this is not deleted';
		end if;
		if not is_part(led, change, row) then
			if needed is distinct from change.entity || '.' || undoing(change) then
				needed := change.entity || '.' || undoing(change);
				judgement := judged(needed);
			end if;
			if (case when change.action = 'add' then judgement.reach is distinct from 0 and not is_fresh(change)
				else judgement.reach is null or judgement.reach <> 0
					and covers(judgement, change.entity, row) is not true end) then
				raise exception using errcode = '42501', message = 'not permitted';
			end if;
		end if;
		former := (select coalesce(jsonb_object_agg(w.key,
			case when w.key = any (sealed_in(change.entity)) then to_jsonb(split_part(w.value #>> '{}', ' ', 1))
			else w.value end), '{}')
			from jsonb_each(change.before) w where w.key not in ('remaining_amount', 'signed_at'));
		former := former || (select coalesce(jsonb_object_agg(w.key, w.value), '{}')
			from jsonb_each(tokens->change.id::text) w
			where w.key = any (token_columns(tab)) and former ? left(w.key, -7));
		if change.action = 'add' then
			former := jsonb_build_object('deleted_at', now());
		end if;
		perform set_config('crm.undoes', change.id::text, true);
		if former <> '{}' then
			execute format('update %1$s t set changed_in = $1, %2$s '
				|| 'from jsonb_populate_record(null::%1$s, $2) r where t.id = $3', tab,
				(select string_agg(format('%1$I = r.%1$I', name), ', ') from jsonb_object_keys(former) name))
			using -caller.session_id, former, change.entity_id;
		end if;
		taken := taken + 1;
	end loop;
	perform set_config('crm.undoes', '', true);
	return taken;
end $$;

-- Returns the records that belong to a customer, by table: the customer, and the rows whose foreign keys lead to one of
-- these records, deleted ones too. Where one of the keys is required, only that counts: an event may name a contact,
-- but it belongs to its contract. It reads the keys in the catalogue, so a new table needs no list.
create function records_of(of_customer bigint) returns table (tab regclass, noun text, ids bigint[])
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	-- ids by table
	found jsonb := jsonb_build_object('customer', (select jsonb_agg(m) from merged_into(of_customer) m));
begin
	tab := 'customer';
	noun := 'customer';
	ids := array(select merged_into(of_customer));
	return next;
	for tab, noun, ids in
		with recursive walk (child, depth) as (
			select 'customer'::regclass::oid, 0
			union
			select f.conrelid, w.depth + 1 from pg_constraint f join walk w on f.confrelid = w.child
			where f.contype = 'f' and f.conrelid <> f.confrelid and w.depth < 8)
		select w.child, trail_noun(w.child), null from walk w where w.depth > 0 group by w.child order by max(w.depth),
			w.child
	loop
		execute (select format('select coalesce(array_agg(t.id order by t.id), ''{}'') from %s t where %s', tab,
			string_agg(
				format('t.%I = any (array(select v::bigint from jsonb_array_elements_text($1->%L) v))', a.attname,
					f.confrelid::regclass::text), ' or '))
			from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
			where f.contype = 'f' and f.conrelid = tab and f.confrelid <> f.conrelid
			and found ? f.confrelid::regclass::text and (a.attnotnull or not exists (
				select from pg_constraint o join pg_attribute b on b.attrelid = o.conrelid and b.attnum = o.conkey[1]
				where o.contype = 'f' and o.conrelid = tab and b.attnotnull
					and found ? o.confrelid::regclass::text))) into ids using found;
		found := found || jsonb_build_object(tab::text, to_jsonb(ids));
		return next;
	end loop;
end $$;

-- Refuses an action on a customer that was merged into another one, which has what belonged to it.
create function refuse_merged(of_customer bigint) returns void
language plpgsql stable set search_path = :"schema", pg_temp as $$
begin
	if merged_to(of_customer) is not null then
		raise exception using errcode = '23514', constraint = 'customer_is_merged', message = 'merged',
			detail = of_customer || ' was merged into customer ' || merged_to(of_customer);
	end if;
end $$;

-- Returns all data about a customer and writes an entry to the trail. Sealed values are in the form of to_jsonb();
-- records has the rows that belong to the customer, by noun.
create function export_customer(of_customer bigint) returns jsonb
language plpgsql volatile security definer set search_path = :"schema", pg_temp set bytea_output = 'hex' as $$
declare
	unkept   text[] := '{fictional,changed_in}';
	customer jsonb := (select to_jsonb(c) - (unkept || token_columns('customer')::text[]) from customer c
		where c.id = of_customer);
	records  jsonb := '{}';
	kind     record;
	found    jsonb;
begin
	if reach('customer.export') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	if customer is null then
		raise exception using errcode = 'P0002', message = 'no such customer';
	end if;
	perform from customer c where c.id = of_customer for share; -- a merge waits, or is seen
	perform refuse_merged(of_customer);
	perform note('customer', of_customer, 'export', null);
	for kind in select r.* from records_of(of_customer) r where r.noun <> 'customer' or cardinality(r.ids) > 1 loop
		execute format('select coalesce(jsonb_agg(to_jsonb(t) - $1 order by t.id), ''[]'') '
			|| 'from %s t where t.id = any ($2)', kind.tab)
		into found using unkept || token_columns(kind.tab)::text[], kind.ids;
		records := records || jsonb_build_object(kind.noun, found);
	end loop;
	return jsonb_build_object('customer', customer, 'records', records,
		'sales_contact', (select to_jsonb(s) - '{fictional,changed_in,created_at,updated_at,deleted_at}'::text[]
			from collaborator s where s.id = (customer->>'sales_id')::bigint),
		'trail', (select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'at', a.at, 'user_id', a.collaborator_id,
			'entity', a.entity, 'entity_id', a.entity_id,
				'action', a.action, 'before', a.before, 'after', a.after) order by a.id), '[]')
			from records_of(of_customer) r join audit a on a.entity = r.noun and a.entity_id = any (r.ids)));
end $$;

-- Erases the personal data of a customer. In all its records every sealed column becomes null or, if it may not be
-- null, its value in erased ({"customer.full_name": "\x01…"}). In the trail, digests replace sealed values. Its
-- follow-ups, which have no text any more, are done. The customer's tags are deleted, last, for these entries name no
-- caller; they are not sealed, so the trail keeps their words. Contracts, events and amounts stay. It returns the
-- number of changed entries.
create function erase_customer(of_customer bigint, erased jsonb) returns bigint
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller     identity := me();
	unfinished bigint;
	changed    bigint;
	kind       record;
begin
	if reach('customer.erase') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	perform from customer c where c.id = of_customer for update;
	if not found then
		raise exception using errcode = 'P0002', message = 'no such customer';
	end if;
	perform refuse_merged(of_customer);
	unfinished := (select count(*) from contract k where k.customer_id = of_customer and k.deleted_at is null
		and k.status not in ('finished', 'canceled'));
	if unfinished > 0 then
		raise exception using errcode = '23503', constraint = 'customer_has_contracts',
			message = 'unfinished contracts', detail = unfinished::text;
	end if;
	for kind in select r.* from records_of(of_customer) r where sealed_columns(r.tab) <> '{}' loop
		execute (select format('update %s set changed_in = -$1, %s where id = any ($2)', kind.tab,
			string_agg(e.change, ', '))
			from (select case when a.attnotnull then format('%I = ($3->>%L)::bytea', s, kind.tab || '.' || s)
				else format('%I = null', s) end as change
				from unnest(sealed_columns(kind.tab)) s join pg_attribute a on a.attrelid = kind.tab and a.attname = s
				union all select format('%I = ''{}''', t) from unnest(token_columns(kind.tab)) t
				union all select 'external_id = null' where kind.tab in ('customer'::regclass, 'contact'::regclass)
				union all select 'done_at = case when due is null then done_at else coalesce(done_at, now()) end'
					where kind.tab = 'note'::regclass) e)
		using caller.session_id, kind.ids, erased;
	end loop;
	update audit a set before = audit_digests(a.entity, a.before), after = audit_digests(a.entity, a.after)
	from records_of(of_customer) r
	where sealed_in(r.noun) <> '{}' and a.entity = r.noun and a.entity_id = any (r.ids)
	and (a.before is not null or a.after is not null);
	get diagnostics changed = row_count;
	perform note(r.noun, i, 'erase', null) from records_of(of_customer) r, unnest(r.ids) i
		where sealed_in(r.noun) <> '{}';
	delete from tag t where t.customer_id in (select merged_into(of_customer));
	return changed;
end $$;

-- 8 --------------------------------------------------------------------------- reading
-- One view for each noun, with the names that users see. The gate of a view is evaluated once in a statement, before
-- the first row is read; a filter on rows would keep text and array search from their indexes (PostgreSQL manual,
-- 41.5 Rules and Privileges: leakproof), and so would security_barrier. The gate names no column, so the planner puts
-- it above every scan of the view. "one", a single row, keeps it there: without a second item in the from clause,
-- PostgreSQL 17 moves the gate of a view in an outer join up to the join, and conditions of the query read rows
-- first. PostgreSQL 15 does not.

create view users as
select u.id, u.employee_number, u.first_name, u.last_name, u.email, u.role, u.created_at, u.updated_at, u.deleted_at
from collaborator u, unnest('{1}'::integer[]) one
where (select reach('user.view')) = 0;

create view customer_rows as
select c.id, c.company_name, c.full_name, c.email, c.phone, c.address, c.language, c.external_id, c.sales_id,
	s.first_name || ' ' || s.last_name as sales_contact,
	c.created_at, c.updated_at, c.deleted_at,
	array(select n.full_name::bytea from contact n where n.customer_id = c.id
		and n.deleted_at is null) as contact_names,
	array(select n.role::bytea from contact n where n.customer_id = c.id and n.deleted_at is null) as contact_roles,
	array(select n.email::bytea from contact n where n.customer_id = c.id and n.deleted_at is null) as contact_emails,
	array(select n.phone::bytea from contact n where n.customer_id = c.id and n.deleted_at is null) as contact_phones,
	search_keys(search_tokens(c), c.id) as keys
from customer c left join collaborator s on s.id = c.sales_id;

create view customers as
select r.* from customer_rows r, unnest('{1}'::integer[]) one
where (select reach('customer.view')) = 0;

create view contacts as
select n.id, n.customer_id, c.company_name as customer, n.full_name, n.role, n.email, n.phone,
	n.deleted_at is null and n.id = (select f.id from contact f where f.customer_id = n.customer_id
		and f.deleted_at is null
		order by f.first_at desc nulls last, f.id limit 1) as first,
	n.external_id, n.first_at, c.sales_id as customer_sales_id, n.created_at, n.updated_at, n.deleted_at,
		search_keys(search_tokens(n), n.id) as keys
from contact n join customer c on c.id = n.customer_id, unnest('{1}'::integer[]) one
where (select reach('contact.view')) = 0;

create view contract_rows as
select k.id, k.customer_id, c.company_name as customer, c.full_name as customer_contact, c.email as customer_email,
	c.phone as customer_phone, k.sales_id,
	s.first_name || ' ' || s.last_name as sales_contact, c.sales_id as customer_sales_id,
	k.total_amount, k.remaining_amount, k.status, k.signed_at, k.external_id, k.created_at, k.updated_at, k.deleted_at,
	search_tokens(c) as tokens
from contract k join customer c on c.id = k.customer_id left join collaborator s on s.id = k.sales_id;

create view contracts as
select r.* from contract_rows r, unnest('{1}'::integer[]) one
where (select reach('contract.view')) = 0;

create view event_rows as
select e.id, e.name, e.contract_id, k.customer_id, c.company_name as customer, c.full_name as customer_contact,
	c.email as customer_email, c.phone as customer_phone, e.start_date, e.end_date, e.location, e.attendees, e.comments,
	n.id as contact_id, n.full_name as contact_name, n.email as contact_email, n.phone as contact_phone,
	e.support_id, s.first_name || ' ' || s.last_name as support_contact, c.sales_id as customer_sales_id,
	case when e.canceled_at is null then 'confirmed' else 'canceled' end as status, e.canceled_at, e.external_id,
		e.created_at, e.updated_at, e.deleted_at,
	search_tokens(c) as tokens, search_tokens(e) as own_tokens,
	search_keys(search_tokens(e), e.id) as keys
from event e join contract k on k.id = e.contract_id join customer c on c.id = k.customer_id
	left join contact n on n.id = e.contact_id and n.customer_id = k.customer_id and n.deleted_at is null
	left join collaborator s on s.id = e.support_id;

create view events as
select r.* from event_rows r, unnest('{1}'::integer[]) one
where (select reach('event.view')) = 0;

-- The contacts of deleted customers, which lists leave out. Both steps read an index: without statistics the planner
-- expects many deleted customers and would read whole tables, which the offsets prevent.
create view hidden_contacts as
select n.id from (select c.id from customer c where num_nonnulls(c.deleted_at) = 1 offset 0) d
	cross join lateral (select n.id from contact n where n.customer_id = d.id offset 0) n, unnest('{1}'::integer[]) one
where (select reach('contact.view')) = 0;

-- Records without the columns of other tables, to count them and to search their own texts: a gate keeps the planner
-- from removing joins.
create view own_customers as
select c.id, c.sales_id, c.created_at, c.updated_at, c.deleted_at, search_keys(search_tokens(c), c.id) as keys
from customer c, unnest('{1}'::integer[]) one
where (select reach('customer.view')) = 0;

create view own_contracts as
select k.id, k.customer_id, k.sales_id, k.total_amount, k.remaining_amount, k.status, k.signed_at, k.created_at,
	k.updated_at, k.deleted_at
from contract k, unnest('{1}'::integer[]) one
where (select reach('contract.view')) = 0;

create view own_events as
select e.id, e.contract_id, e.contact_id, e.start_date, e.end_date, e.attendees, e.support_id, e.canceled_at,
	e.created_at, e.updated_at, e.deleted_at, search_keys(search_tokens(e), e.id) as keys
from event e, unnest('{1}'::integer[]) one
where (select reach('event.view')) = 0;

-- The longest duration of an event, zero if there is none. An event that ends after a time starts at most that long
-- before it, so a list of coming events need not read the past ones.
create view event_spans as
select coalesce(make_interval(secs => extract(epoch from d.longest)::float8), interval '0') as longest
from (select max(end_date - start_date) as longest from event) d, unnest('{1}'::integer[]) one
where (select reach('event.view')) = 0;

create view notes as
select n.id, case when n.customer_id is not null then 'customer' when n.contract_id is not null then 'contract'
	else 'event' end as noun,
	coalesce(n.customer_id, n.contract_id, n.event_id) as record_id, c.company_name as customer,
	c.full_name as customer_contact, c.phone as customer_phone, p.full_name as contact_name, p.phone as contact_phone,
	case when n.customer_id is not null then c.deleted_at when n.contract_id is not null then k.deleted_at
		else e.deleted_at end as record_deleted_at,
	n.customer_id, n.contract_id, n.event_id, n.text, n.due, n.done_at, n.author_id, u.first_name || ' '
		|| u.last_name as author,
	n.created_at, n.updated_at, n.deleted_at, search_keys(search_tokens(n), n.id) as keys
from note n left join event e on e.id = n.event_id left join contract k on k.id = coalesce(n.contract_id, e.contract_id)
	left join customer c on c.id = coalesce(n.customer_id, k.customer_id)
	left join contact p on p.id = e.contact_id and p.customer_id = k.customer_id and p.deleted_at is null
	left join collaborator u on u.id = n.author_id, unnest('{1}'::integer[]) one
where (select reach('note.view')) = 0;

create view tags as
select t.id, t.name, case when t.customer_id is not null then 'customer' when t.contract_id is not null then 'contract'
	else 'event' end as noun,
	coalesce(t.customer_id, t.contract_id, t.event_id) as record_id, t.customer_id, t.contract_id, t.event_id,
		t.created_at, t.updated_at, t.deleted_at
from tag t, unnest('{1}'::integer[]) one
where (select reach('tag.view')) = 0;

-- The caller's views, and those that are shared with their role or with all. A caller with the permission to delete the
-- views of others sees all shared ones. Here a condition on rows is the gate, and it is evaluated before those
-- of a query.
create view saved_views with (security_barrier) as
select v.id, v.name, v.command, v.shared_with, v.owner_id, u.first_name || ' ' || u.last_name as owner, v.created_at,
	v.updated_at, v.deleted_at
from saved_view v left join collaborator u on u.id = v.owner_id, unnest('{1}'::integer[]) one
where (select reach('view.view')) = 0
	and (v.owner_id = (select me_id()) or v.shared_with in ('all', (select (me()).role))
	or v.shared_with is not null and (select reached('view.delete')) = 0);

create view saved_maps as
select m.id, m.name, m.noun, m.pairs, m.owner_id, u.first_name || ' ' || u.last_name as owner, m.created_at,
	m.updated_at, m.deleted_at
from saved_map m left join collaborator u on u.id = m.owner_id, unnest('{1}'::integer[]) one
where (select reach('map.view')) = 0;

create view payments as
select p.id, p.contract_id, c.company_name as customer, p.paid_on, p.amount,
	u.first_name || ' ' || u.last_name as recorded_by, p.created_at, null::timestamptz as deleted_at
from payment p join contract k on k.id = p.contract_id join customer c on c.id = k.customer_id
	left join collaborator u on u.id = p.recorded_by, unnest('{1}'::integer[]) one
where (select reach('contract.view')) = 0;

-- A record with what belongs to it, so that one read verifies the token once. "who" is the caller's reach, and the
-- actions that they may use on every row: arrays of what they may not view are null. A column NOUN_COLUMN holds the
-- values of COLUMN of the records of NOUN, in their order. A note or contact that is deleted is left out.

create view whole_customers as
with who as materialized (
	select w.reach, array(select p.action from permission p where p.role = w.role and p.scope = 'all'
		and p.action in ('contact.view', 'note.view', 'tag.view')) as also
	from identify(true, false, '{customer.view}') w
)
select r.*, c.*, n.*, t.*
from customer_rows r
	left join lateral (
		select array_agg(c.id) as contact_id, array_agg(c.full_name::bytea) as contact_full_name,
			array_agg(c.role::bytea) as contact_role, array_agg(c.email::bytea) as contact_email,
			array_agg(c.phone::bytea) as contact_phone, array_agg(c.first) as contact_first
		from (select c.*, row_number() over (order by c.first_at desc nulls last, c.id) = 1 as first from contact c
			where c.customer_id = r.id and c.deleted_at is null and (select 'contact.view' = any (also) from who)
			order by first desc, c.id) c
	) c on true
	left join lateral (
		select array_agg(n.id) as note_id, array_agg(n.text::bytea) as note_text, array_agg(n.due) as note_due,
			array_agg(n.done_at) as note_done_at, array_agg(n.author) as note_author,
			array_agg(n.created_at) as note_created_at
		from (select n.*, u.first_name || ' ' || u.last_name as author
			from note n left join collaborator u on u.id = n.author_id
			where n.customer_id = r.id and n.deleted_at is null and (select 'note.view' = any (also) from who)
			order by n.id desc limit 100) n
	) n on true
	left join lateral (
		select array_agg(t.name order by t.name) as tag_name from tag t
		where t.customer_id = r.id and t.deleted_at is null and (select 'tag.view' = any (also) from who)
	) t on true,
	unnest('{1}'::integer[]) one
where (select reach from who) = 0;

create view whole_contracts as
with who as materialized (
	select w.reach, array(select p.action from permission p where p.role = w.role and p.scope = 'all'
		and p.action in ('contact.view', 'note.view', 'tag.view')) as also
	from identify(true, false, '{contract.view}') w
)
select r.*, p.*, n.*, t.*
from contract_rows r
	left join lateral (
		select array_agg(p.id order by p.id) as payment_id, array_agg(p.paid_on order by p.id) as payment_paid_on,
			array_agg(p.amount order by p.id) as payment_amount
		from payment p where p.contract_id = r.id
	) p on true
	left join lateral (
		select array_agg(n.id) as note_id, array_agg(n.text::bytea) as note_text, array_agg(n.due) as note_due,
			array_agg(n.done_at) as note_done_at, array_agg(n.author) as note_author,
			array_agg(n.created_at) as note_created_at
		from (select n.*, u.first_name || ' ' || u.last_name as author
			from note n left join collaborator u on u.id = n.author_id
			where n.contract_id = r.id and n.deleted_at is null and (select 'note.view' = any (also) from who)
			order by n.id desc limit 100) n
	) n on true
	left join lateral (
		select array_agg(t.name order by t.name) as tag_name from tag t
		where t.contract_id = r.id and t.deleted_at is null and (select 'tag.view' = any (also) from who)
	) t on true,
	unnest('{1}'::integer[]) one
where (select reach from who) = 0;

create view whole_events as
with who as materialized (
	select w.reach, array(select p.action from permission p where p.role = w.role and p.scope = 'all'
		and p.action in ('contact.view', 'note.view', 'tag.view')) as also
	from identify(true, false, '{event.view}') w
)
select r.*, n.*, t.*
from event_rows r
	left join lateral (
		select array_agg(n.id) as note_id, array_agg(n.text::bytea) as note_text, array_agg(n.due) as note_due,
			array_agg(n.done_at) as note_done_at, array_agg(n.author) as note_author,
			array_agg(n.created_at) as note_created_at
		from (select n.*, u.first_name || ' ' || u.last_name as author
			from note n left join collaborator u on u.id = n.author_id
			where n.event_id = r.id and n.deleted_at is null and (select 'note.view' = any (also) from who)
			order by n.id desc limit 100) n
	) n on true
	left join lateral (
		select array_agg(t.name order by t.name) as tag_name from tag t
		where t.event_id = r.id and t.deleted_at is null and (select 'tag.view' = any (also) from who)
	) t on true,
	unnest('{1}'::integer[]) one
where (select reach from who) = 0;

-- All entries of the trail.
create view audits as
select a.id, a.at, a.collaborator_id as user_id, u.first_name || ' ' || u.last_name as user_name,
	host(a.client) as client, a.session_id,
	a.entity, a.entity_id, a.action, a.before, a.after, a.undoes, null::timestamptz as deleted_at
from audit a left join collaborator u on u.id = a.collaborator_id, unnest('{1}'::integer[]) one
where (select reach('audit.view')) = 0;

-- 9 --------------------------------------------------------------------------- writing
-- The rows that a caller may insert and update. Of the tables themselves a caller can read only the columns that an
-- update needs in its conditions, with the right to view such records.

alter table collaborator enable row level security;
alter table customer enable row level security;
alter table contact enable row level security;
alter table contract enable row level security;
alter table payment enable row level security;
alter table event enable row level security;
alter table note enable row level security;
alter table tag enable row level security;
alter table saved_view enable row level security;
alter table saved_map enable row level security;

create policy reading on collaborator for select to :"app" using ((select reached('user.view')) = 0);
create policy adding on collaborator for insert to :"app"
	with check (admits((select judged('user.add')), changed_in, '{}'));
create policy changing on collaborator for update to :"app"
	using (within((select judged('user.update', 'user.delete')), array[id]))
	with check (changed_in = (select my_session()));

create policy reading on customer for select to :"app" using ((select reached('customer.view')) = 0);
create policy adding on customer for insert to :"app"
	with check (admits((select judged('customer.add')), changed_in, array[sales_id]));
create policy changing on customer for update to :"app"
	using (within((select judged('customer.update', 'customer.delete')), array[sales_id]))
	with check (changed_in = (select my_session()));

create policy reading on contact for select to :"app" using ((select reached('contact.view')) = 0);
create policy adding on contact for insert to :"app"
	with check (admits((select judged('contact.add')), changed_in, array[contact_of_customer(customer_id)]));
create policy changing on contact for update to :"app"
	using (within((select judged('contact.update', 'contact.delete')), array[contact_of_customer(customer_id)]))
	with check (changed_in = (select my_session()));

create policy reading on contract for select to :"app" using ((select reached('contract.view')) = 0);
create policy adding on contract for insert to :"app"
	with check (admits((select judged('contract.add')), changed_in, array[contact_of_customer(customer_id)]));
create policy changing on contract for update to :"app"
	using (covers_contract((select judged('contract.update', 'contract.delete')), sales_id, customer_id))
	with check (changed_in = (select my_session()));

create policy adding on payment for insert to :"app"
	with check (payable(contract_id) and changed_in = (select my_session()));

create policy reading on event for select to :"app" using ((select reached('event.view')) = 0);
create policy adding on event for insert to :"app"
	with check (admits((select judged('event.add')), changed_in, array[contact_of_contract(contract_id)]));
create policy changing on event for update to :"app"
	using (within((select judged('event.update', 'event.delete', 'event.cancel')), array[support_id])
		or current_setting('crm.undoes', true) <> '' and own_addition('event', id))
		with check (changed_in = (select my_session()));

-- Callers who may view a record may write notes and tags on it.
create policy reading on note for select to :"app" using ((select reached('note.view')) = 0);
create policy adding on note for insert to :"app"
	with check (admits((select judged('note.add')), changed_in, '{}')
		and case when customer_id is not null then (select reached('customer.view'))
		when contract_id is not null then (select reached('contract.view'))
		else (select reached('event.view')) end = 0);
create policy changing on note for update to :"app"
	using (within((select judged('note.update', 'note.delete')), array[author_id]))
	with check (changed_in = (select my_session()));

create policy reading on tag for select to :"app" using ((select reached('tag.view')) = 0);
create policy adding on tag for insert to :"app"
	with check (admits((select judged('tag.add')), changed_in, '{}')
		and case when customer_id is not null then (select reached('customer.view'))
		when contract_id is not null then (select reached('contract.view'))
		else (select reached('event.view')) end = 0);
create policy changing on tag for update to :"app"
	using (within((select judged('tag.delete')), '{}')) with check (changed_in = (select my_session()));

create policy reading on saved_map for select to :"app" using ((select reached('map.view')) = 0);
create policy adding on saved_map for insert to :"app"
	with check (admits((select judged('map.add')), changed_in, '{}'));
create policy changing on saved_map for update to :"app"
	using (within((select judged('map.delete')), array[owner_id])) with check (changed_in = (select my_session()));

-- Callers who may delete the views of others may delete shared ones only.
create policy reading on saved_view for select to :"app"
	using ((select reached('view.view')) = 0
	and (shared_with is not null or owner_id = (select reached('view.update'))));
create policy adding on saved_view for insert to :"app"
	with check (admits((select judged('view.add')), changed_in, '{}'));
create policy changing on saved_view for update to :"app"
	using (within((select judged('view.update', 'view.delete')), array[owner_id])
		and (shared_with is not null or owner_id = (select reached('view.update'))))
	with check (changed_in = (select my_session()));

-- 10 --------------------------------------------------------------------------- grants
-- All privileges of the app role. Triggers maintain the columns that are not named here.

grant usage on schema :"schema" to :"app";

grant execute on function
	schema_version(integer), refuse_program(integer, text), sign_in_params(text),
		sign_in(text, bytea, bytea, bytea, bytea, bytea, bytea),
	open_session(bytea, interval, integer, integer, integer, bytea, bytea), sign_out(), touch(), note_failures(),
	change_password(bytea, integer, integer, integer, bytea, bytea),
	set_first_password(text, integer, integer, integer, bytea, bytea, boolean),
	reset_password(bigint, integer, integer, integer, bytea, bytea), unlock_user(bigint), lockout_of(bigint),
		blockers(integer), writer_class(),
	enable_mfa(bytea, bytea, bytea, bytea[]), disable_mfa(bytea), clear_mfa(bigint), require_mfa(text, boolean),
		my_mfa(),
	sessions_of(bigint), end_session(bigint), end_other_sessions(),
	identify(boolean, boolean, text[]), me(boolean), me_id(), my_session(), reach(text[]), reached(text[]),
	judged(text[]), rejudged(text), within(identity, bigint[]), admits(identity, bigint, bigint[]),
	my_account(), my_duty(), my_permissions(), hand_over(bigint, bigint),
	fate(uuid), known_fate(uuid), requested_id(), history(text, bigint), gone(text, bigint), my_changes(bigint),
		led_changes(bigint),
		take_back(bigint, jsonb),
	merge_customers(bigint, bigint, text[]),
	lead_update(text), lead_import(text), add_many(regclass, jsonb, text[]),
		change_many(text, regclass, jsonb, boolean, boolean), own_addition(text, bigint),
	note_refusal(text, text, bigint), note_export(text, bigint, text), export_customer(bigint),
		erase_customer(bigint, jsonb),
	contact_of_customer(bigint), contact_of_contract(bigint), covers_contract(identity, bigint, bigint),
		covers(identity, text, jsonb),
		payable(bigint),
	search_keys(integer[], bigint), run_key(bigint), search_tokens(customer), search_tokens(contact),
		search_tokens(event), search_tokens(note)
	to :"app";

grant select on users, customers, contacts, contracts, payments, events, own_customers, own_contracts, own_events,
	event_spans, whole_customers, whole_contracts, whole_events,
	hidden_contacts, notes, tags, saved_views, saved_maps, audits to :"app";
-- Columns that an update names in its conditions; everything else is read through the views.
grant select (id, deleted_at) on collaborator, customer, contact, contract, event, note, tag, saved_view, saved_map
	to :"app";
grant select (canceled_at) on event to :"app";

-- For currval() after the app role's own insert.
grant select on sequence collaborator_id_seq, customer_id_seq, contact_id_seq, contract_id_seq, event_id_seq,
	note_id_seq, tag_id_seq, saved_view_id_seq, saved_map_id_seq to :"app";

grant insert (employee_number, first_name, last_name, email, role) on collaborator to :"app";
grant update (employee_number, first_name, last_name, email, role, deleted_at) on collaborator to :"app";
grant insert (company_name, full_name, email, phone, address, language, external_id, company_name_tokens,
	full_name_tokens, email_tokens, phone_tokens, address_tokens, sales_id) on customer to :"app";
grant update (company_name, full_name, email, phone, address, language, external_id, company_name_tokens,
	full_name_tokens, email_tokens, phone_tokens, address_tokens, sales_id, deleted_at) on customer to :"app";
grant insert (customer_id, full_name, role, email, phone, external_id, first_at, full_name_tokens, role_tokens,
	email_tokens, phone_tokens) on contact to :"app";
grant update (full_name, role, email, phone, external_id, first_at, full_name_tokens, role_tokens, email_tokens,
	phone_tokens, deleted_at) on contact to :"app";
grant insert (customer_id, sales_id, total_amount, status, external_id) on contract to :"app";
grant update (customer_id, sales_id, total_amount, status, external_id) on contract to :"app";
grant insert (contract_id, amount, paid_on) on payment to :"app";
grant insert (name, contract_id, contact_id, start_date, end_date, location, attendees, comments, external_id,
	name_tokens, location_tokens, comments_tokens) on event to :"app";
grant update (name, contract_id, contact_id, start_date, end_date, location, attendees, comments, external_id,
	name_tokens, location_tokens, comments_tokens, support_id, deleted_at, canceled_at) on event to :"app";
grant insert (customer_id, contract_id, event_id, text, due, text_tokens) on note to :"app";
grant update (text, due, done_at, text_tokens, deleted_at) on note to :"app";
grant insert (name, customer_id, contract_id, event_id) on tag to :"app";
grant update (deleted_at) on tag to :"app";
grant insert (name, command, shared_with) on saved_view to :"app";
grant update (command, shared_with, deleted_at) on saved_view to :"app";
grant insert (name, noun, pairs) on saved_map to :"app";
grant update (deleted_at) on saved_map to :"app";

insert into secret values ('made_up_salt', random_key()), ('sign_in_nonce', random_key()),
	('judgement', random_key());

-- Tables with sealed columns accept values with known keys only. The triggers are generated, with one function for each
-- table that names its columns, so statements need not look them up.
do $$
declare
	tab record;
begin
	for tab in
		select c.relname, (select string_agg(format('nullif(new.%1$I, old.%1$I)', s), ', ')
			from unnest(sealed_columns(c.oid)) s) as written
		from pg_class c
		where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind = 'r'
		and sealed_columns(c.oid) <> '{}'
	loop
		execute format('create function %I() returns trigger
			language plpgsql security definer set search_path = %I, pg_temp as
			$check$ begin
				if exists (select from unnest(array[%3$s]::bytea[]) v where substr(v, 1, 5) <> all (array(
					select k.prefix from sealing_key k where k.state <> ''retired''))) then
					perform check_sealed(%3$s);
				end if;
				return new;
			end $check$', tab.relname || '_sealed', current_schema(), tab.written);
		execute format('create trigger b_sealed before insert or update on %I for each row execute function %I()',
			tab.relname, tab.relname || '_sealed');
	end loop;
end $$;

-- With debug_print_plan, trace_sort or client_min_messages a caller can make the server send plans of statements inside
-- functions, with the values of variables: the collaborator of an address, or the reason for a refusal. So functions
-- with the owner's rights send only warnings and errors.
do $$
declare
	f regprocedure;
begin
	for f in select p.oid from pg_proc p where p.pronamespace = quote_ident(current_schema())::regnamespace
		and p.prosecdef loop
		execute format('alter function %s set client_min_messages = warning', f);
	end loop;
end $$;

-- The planner has no statistics of any column or indexed expression: the estimates of a query on a view (EXPLAIN) would
-- reveal stored values to callers whom the view refuses. So every query is planned from sizes and defaults only.
do $$
declare
	kept record;
begin
	for kept in
		select c.oid::regclass as relation, c.relkind, a.attnum, a.attname
		from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_index i on i.indexrelid = c.oid
		where c.relnamespace = quote_ident(current_schema())::regnamespace and a.attnum > 0 and not a.attisdropped
			and (c.relkind in ('r', 'p', 'm') or c.relkind in ('i', 'I') and i.indkey[a.attnum - 1] = 0)
	loop
		if kept.relkind in ('i', 'I') then
			execute format('alter index %s alter column %s set statistics 0', kept.relation, kept.attnum);
		else
			execute format('alter table %s alter column %I set statistics 0', kept.relation, kept.attname);
		end if;
	end loop;
end $$;
