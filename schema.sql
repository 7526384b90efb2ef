-- The data model of crm and the guard in front of it.
--
-- Everything here belongs to the owner role, which cannot log in. The program (and anybody who
-- takes its config file) logs in as the app role and gets only what the last part of this file
-- grants: reading and writing as a signed-in collaborator, decided here and nowhere else.
--
--   1  people        role, permission, collaborator
--   2  records       customer, contract, payment, event
--   3  secrets       credential, session, sign_in_attempt, secret, setting
--   4  who is asking me(), reach(), and for policies reached()
--   5  signing in    sign_in_params(), sign_in(), open_session(), sign_out(), passwords
--   6  rules         triggers: stamps, contacts, states, payments, handing over
--   7  the trail     audit, history()
--   8  reading       one view a noun
--   9  writing       row policies
--  10  grants
--
-- `crm init` runs this file once, inside one transaction, with :"schema", :"owner" and :"app"
-- replaced by the names in the config (psql's own variables do the same: psql -v schema=crm …).
-- Function bodies name tables without a schema: every function fixes its search_path.

set local role :"owner";
create schema :"schema";
set local search_path = :"schema";
-- New functions are for nobody until part 10 says otherwise (PostgreSQL manual, 5.8 Privileges).
alter default privileges for role :"owner" revoke execute on functions from public;

-- 1 ---------------------------------------------------------------------------- people

-- A department's role. What it may do is in permission; what it may be is here.
create table role (
	name     text primary key check (name ~ '^[a-z][a-z_]{0,30}$'),
	title    text not null,
	sells    boolean not null default false, -- may be a sales contact
	supports boolean not null default false, -- may be a support contact
	reserved boolean not null default false  -- only its holders may give it or touch who has it
);

insert into role (name, title, sells, supports, reserved) values
	('admin',   'Administration', false, false, true),
	('manage',  'Management',     false, false, false),
	('sales',   'Sales',          true,  false, false),
	('support', 'Support',        false, true,  false);

-- The responsibility matrix, the only copy there is: scope all or own, no row means no.
-- "own" is decided per row: the customer's sales contact, the contract's or its customer's
-- sales contact, the event's support contact; for adding an event, its customer's sales contact.
create table permission (
	role   text not null references role,
	action text not null check (action ~ '^[a-z]+\.[a-z]+$'),
	scope  text not null check (scope in ('all', 'own')),
	primary key (role, action)
);

insert into permission (role, action, scope)
select r.name, noun || '.view', 'all'
from role r, unnest(array['user', 'customer', 'contract', 'event']) noun;

insert into permission (role, action, scope) values
	('admin',  'user.add',        'all'), ('manage',  'user.add',        'all'),
	('admin',  'user.update',     'all'), ('manage',  'user.update',     'all'),
	('admin',  'user.delete',     'all'), ('manage',  'user.delete',     'all'),
	('admin',  'customer.add',    'all'), ('sales',   'customer.add',    'all'),
	('admin',  'customer.update', 'all'), ('sales',   'customer.update', 'own'),
	('admin',  'customer.delete', 'all'),
	('admin',  'contract.add',    'all'), ('manage',  'contract.add',    'all'),
	('admin',  'contract.update', 'all'), ('manage',  'contract.update', 'all'),
	('sales',  'contract.update', 'own'),
	('admin',  'event.add',       'all'), ('sales',   'event.add',       'own'),
	('admin',  'event.update',    'all'), ('manage',  'event.update',    'all'),
	('support', 'event.update',   'own'),
	('admin',  'event.delete',    'all'), ('manage',  'event.delete',    'all');

-- A collaborator is a user of crm. fictional rows were made by `crm seed` and go by its --purge.
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
	fictional       boolean not null default false,
	constraint collaborator_employee_number_key unique (employee_number)
);
create unique index collaborator_email_key on collaborator (lower(email)) where deleted_at is null;

-- 2 --------------------------------------------------------------------------- records

-- A sealed value is Tink AEAD ciphertext, at least 33 bytes; the key is never in the database.
create domain sealed as bytea check (length(value) between 33 and 2048);

create table customer (
	id           bigint generated always as identity primary key,
	company_name sealed not null,
	full_name    sealed not null,
	email        sealed,
	phone        sealed,
	sales_id     bigint references collaborator,
	created_at   timestamptz not null default now(), -- first contact
	updated_at   timestamptz not null default now(), -- last contact
	deleted_at   timestamptz,
	fictional    boolean not null default false,
	-- What the sealed texts are found by: keyed hashes of their parts, written with them by the client.
	company_name_tokens integer[] not null default '{}',
	full_name_tokens    integer[] not null default '{}',
	email_tokens        integer[] not null default '{}',
	phone_tokens        integer[] not null default '{}',
	constraint customer_tokens check (cardinality(company_name_tokens) <= 1500 and cardinality(full_name_tokens) <= 1500
		and cardinality(email_tokens) <= 1500 and cardinality(phone_tokens) <= 1500)
);

-- The keys that customers are found by: their tokens, mixed with which run of 8192 ids the id is in. A
-- list in the order of ids looks up one run after the other and stops when its page is full. So it reads
-- neither all that a frequent token finds, nor all rows for a rare one, and no plan depends on statistics.
create function search_keys(tokens integer[], id bigint) returns integer[]
language sql immutable strict parallel safe cost 1000
return (select coalesce(array_agg(t # ((id >> 13) % 65536 * 2654435761 % 2147483648)::integer), '{}') from unnest(tokens) t);

-- Without a list of pending entries: no search pays for the writers before it.
create index customer_search on customer using gin (
	search_keys(company_name_tokens || full_name_tokens || email_tokens || phone_tokens, id)) with (fastupdate = off);
create index customer_sales_id on customer (sales_id, id);

create table contract (
	id               bigint generated always as identity primary key,
	customer_id      bigint not null references customer,
	sales_id         bigint references collaborator,
	total_amount     numeric(12,2) not null default 0,
	remaining_amount numeric(12,2) not null default 0, -- total minus payments, kept by triggers
	status           text not null default 'to_send'
		check (status in ('to_send', 'pending', 'signed', 'finished', 'canceled')),
	signed_at        timestamptz,
	created_at       timestamptz not null default now(),
	updated_at       timestamptz not null default now(),
	deleted_at       timestamptz,
	fictional        boolean not null default false,
	constraint contract_total_positive check (total_amount >= 0 and total_amount <> 'NaN'), -- NaN >= 0 is true
	constraint contract_overpaid check (remaining_amount >= 0),
	constraint contract_remaining_above_total check (remaining_amount <= total_amount),
	constraint contract_finished_unpaid check (status <> 'finished' or remaining_amount = 0)
);
create index contract_customer_id on contract (customer_id, id);
create index contract_sales_id on contract (sales_id, id);

-- A ledger: entries are added, never changed. A negative amount corrects an earlier one.
create table payment (
	id          bigint generated always as identity primary key,
	contract_id bigint not null references contract,
	amount      numeric(12,2) not null,
	paid_on     date not null default current_date,
	recorded_by bigint references collaborator,
	created_at  timestamptz not null default now(),
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
	comments    text check (length(comments) between 1 and 255),
	support_id  bigint references collaborator,
	created_at  timestamptz not null default now(),
	updated_at  timestamptz not null default now(),
	deleted_at  timestamptz,
	fictional   boolean not null default false,
	constraint event_attendees_negative check (attendees >= 0),
	constraint event_ends_before_start check (end_date > start_date),
	constraint event_dates check (start_date between '1900-01-01 UTC' and '9999-12-30 UTC' and end_date between '1900-01-01 UTC' and '9999-12-30 UTC')
);
create index event_contract_id on event (contract_id, id);
create index event_support_id on event (support_id, start_date);
create index event_start_date on event (start_date, id);

-- 3 --------------------------------------------------------------------------- secrets
-- The app role is granted nothing on these tables.

-- What is kept of a password: argon2id's cost and salt (RFC 9106) and the SHA-256 of the key that
-- the client derives. Whoever reads this row still cannot sign in with it.
create table credential (
	collaborator_id bigint primary key references collaborator on delete cascade,
	memory_kib      integer  not null check (memory_kib between 8 and 1048576),
	iterations      integer  not null check (iterations between 1 and 100),
	parallelism     smallint not null check (parallelism between 1 and 255),
	salt            bytea    not null check (length(salt) = 16),
	key_hash        bytea    not null check (length(key_hash) = 32),
	changed_at      timestamptz not null default now()
);

-- A sign-in that lives until ends_at. Its random key signs the access tokens; kept are the two
-- blocks that HMAC makes of it (RFC 2104: key xor ipad, key xor opad).
create table session (
	id              bigint generated always as identity primary key,
	collaborator_id bigint not null references collaborator on delete cascade,
	inner_key       bytea not null check (length(inner_key) = 64),
	outer_key       bytea not null check (length(outer_key) = 64),
	created_at      timestamptz not null default now(),
	ends_at         timestamptz not null,
	revoked_at      timestamptz,
	seeding         boolean not null default false -- what it adds is fictional
);
create index session_collaborator_id on session (collaborator_id) where revoked_at is null;

-- One row a try, for known and unknown addresses alike.
create table sign_in_attempt (
	id              bigint generated always as identity primary key,
	address         bytea not null,   -- SHA-256 of the lower-case email
	collaborator_id bigint not null,  -- a decoy where succeeded is false
	ticket          bytea not null,   -- SHA-256 of what open_session() must be given
	succeeded       boolean not null,
	counted         boolean not null, -- false while the account is locked: hammering does not prolong it
	opened          boolean not null default false,
	transaction     xid8 not null default pg_current_xact_id(),
	at              timestamptz not null default clock_timestamp()
);
create index sign_in_attempt_address on sign_in_attempt (address, at);
create unique index sign_in_attempt_ticket on sign_in_attempt (ticket);

create table secret (
	name  text primary key,
	value bytea not null
);

create table setting (
	name  text primary key,
	value text not null
);
insert into setting values ('schema_version', '2'), ('session_lifetime', '12 hours');

-- 4 --------------------------------------------------------------------- who is asking

-- 32 unguessable bytes: three version 4 UUIDs hold 366 random bits from the server's strong
-- generator, which core PostgreSQL hands out in no other way.
create function random_key() returns bytea
language sql volatile set search_path = :"schema", pg_temp as $$
	select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;

-- The key block of HMAC: key padded to 64 bytes with zeros, every byte xor pad (RFC 2104, section 2).
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

-- Who the caller is: found by the token, or error 28000. The one place where a token is judged.
create type identity as (id bigint, role text, session_id bigint, seeding boolean);

-- caller() reads the JWT in the setting crm.token (RFC 7519, HS256 of RFC 7518 and nothing else) and
-- answers the collaborator whom its session belongs to, null for whoever is not signed in.
--
-- The header is compared as text: that pins the algorithm. The signature is compared as text
-- too: only the canonical base64url form passes. Role and deletion are read from the tables. Time is the
-- wall clock, not the transaction's start, and an older snapshot than the statement's own is
-- refused: a transaction kept open outlives neither its token nor a revocation.
create function caller() returns identity
language plpgsql stable security definer parallel restricted set search_path = :"schema", pg_temp as $$
declare
	token    text := current_setting('crm.token', true);
	signed   text := left(token, -44); -- header.claims
	claims   jsonb;
	now_s    bigint;
	s        record;
begin
	if token is null or length(token) > 1024 or left(token, 37) <> 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.'
		or current_setting('transaction_isolation') <> 'read committed' then
		return null;
	end if;
	begin
		claims := convert_from(decode(rpad(translate(substr(signed, 38), '-_', '+/'), (length(signed) - 34) / 4 * 4, '='), 'base64'), 'UTF8');
		select i.id, i.collaborator_id, c.role, i.seeding, i.inner_key, i.outer_key, i.ends_at into s
		from session i join collaborator c on c.id = i.collaborator_id
		where i.id = (claims->>'sid')::bigint and i.revoked_at is null and c.deleted_at is null;
		now_s := extract(epoch from clock_timestamp());
		if found and s.ends_at > clock_timestamp()
			and sha256(convert_to(right(token, 44), 'UTF8')) = sha256(convert_to('.' || translate(encode(
				sha256(s.outer_key || sha256(s.inner_key || convert_to(signed, 'UTF8'))), 'base64'), '+/=', '-_'), 'UTF8'))
			and claims->>'sub' = s.collaborator_id::text
			and (claims->>'exp')::bigint > now_s and (claims->>'iat')::bigint <= now_s + 60
			and coalesce((claims->>'nbf')::bigint, 0) <= now_s + 60 then
			return row(s.collaborator_id, s.role, s.id, s.seeding);
		end if;
	exception when data_exception then
		null; -- claims that are no base64, UTF-8, JSON or numbers
	end;
	return null;
end $$;

-- me() never answers null: whoever is not signed in gets error 28000, the same for every reason.
create function me() returns identity
language plpgsql stable security definer parallel restricted set search_path = :"schema", pg_temp as $$
declare
	who identity := caller();
begin
	if who.id is null then
		raise exception using errcode = '28000', message = 'not signed in';
	end if;
	return who;
end $$;

create function me_id() returns bigint
language sql stable parallel restricted
return (me()).id;

-- How far the caller reaches with any of the actions: 0 is every row, the caller's own id is rows
-- that are theirs, null is none, also for whoever is not signed in. So a policy reads:
-- reached('customer.update') = any (array[0, sales_id]).
-- A policy must not raise: PostgreSQL tests leakproof conditions of the query (email < 'm') before it,
-- and an error that depends on them would tell what the rows hold.
create function reached(variadic actions text[]) returns bigint
language plpgsql stable security definer parallel restricted set search_path = :"schema", pg_temp as $$
declare
	caller identity := caller();
	widest text := (select min(p.scope) from permission p where p.role = caller.role and p.action = any (actions)); -- 'all' < 'own'
begin
	return case widest when 'all' then 0 when 'own' then caller.id end;
end $$;

-- The same where nothing of the data can come before it; whoever is not signed in gets error 28000.
create function reach(variadic actions text[]) returns bigint
language plpgsql stable security definer parallel restricted set search_path = :"schema", pg_temp as $$
declare
	far bigint := reached(variadic actions);
begin
	if far is null then
		perform me();
	end if;
	return far;
end $$;

-- The caller's own record, whatever their role may view.
create function my_account() returns table (id bigint, employee_number text, first_name text, last_name text, email text,
	role text, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select c.id, c.employee_number, c.first_name, c.last_name, c.email, c.role, c.created_at, c.updated_at, c.deleted_at
	from collaborator c where c.id = (select me_id())
$$;

-- What the caller's role may do, for help, completion and friendly refusals.
create function my_permissions() returns table (action text, scope text)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select p.action, p.scope from permission p where p.role = (select (me()).role)
$$;

-- Who is acting, for the trail: null for the owner's own work without a token. Only who may act for the
-- owner does such work: nobody else gets rid of the token in the middle of a statement.
create function actor() returns identity
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	if coalesce(current_setting('crm.token', true), '') = '' and pg_has_role(session_user, current_user, 'member') then
		return null;
	end if;
	return me();
end $$;

-- The moment that a stamp bears: now, or, in a session of `crm seed` only, the setting crm.clock.
create function moment() returns timestamptz
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	if coalesce(current_setting('crm.clock', true), '') <> '' and coalesce((actor()).seeding, false) then
		return current_setting('crm.clock')::timestamptz;
	end if;
	return now();
end $$;

-- 5 ------------------------------------------------------------------------ signing in

-- The collaborator with that address, or known = false and a decoy. It always reads the whole
-- (small) table: neither time nor the statistics views tell a known address from an unknown one.
create function find_account(address text, out known boolean, out account credential)
language plpgsql stable set search_path = :"schema", pg_temp as $$
declare
	who record;
begin
	select c.id, lower(c.email) = lower(address) and c.deleted_at is null as hit into who
	from collaborator c join credential k on k.collaborator_id = c.id
	order by (lower(c.email) = lower(address) and c.deleted_at is null) desc, k.changed_at desc
	limit 1;
	select k.* into account from credential k where k.collaborator_id = who.id;
	known := coalesce(who.hit, false);
end $$;

-- The cost and salt with which the client derives the key of sign_in(). For an unknown address: the cost
-- that is in use and a salt that is made up, always the same for the same address.
create function sign_in_params(email text, out memory_kib integer, out iterations integer, out parallelism smallint, out salt bytea)
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
declare
	entry record := find_account(email);
	pepper bytea := (select s.value from secret s where s.name = 'made_up_salt');
	made_up bytea := substr(sha256(pepper || sha256(pepper || convert_to(lower(email), 'UTF8'))), 1, 16);
begin
	memory_kib := coalesce((entry.account).memory_kib, 65536);
	iterations := coalesce((entry.account).iterations, 3);
	parallelism := coalesce((entry.account).parallelism, 4);
	salt := case when entry.known then (entry.account).salt else made_up end;
end $$;

-- Whether the address must wait: from the 5th failure in a row on, 30 seconds, doubling to an hour.
-- The attempt itself is left out.
create function is_locked(of_address bytea, at_time timestamptz, but_attempt bigint) returns boolean
language sql stable set search_path = :"schema", pg_temp as $$
	select coalesce(count(*) >= 5
		and at_time < max(a.at) + least(interval '1 hour', interval '30 seconds' * power(2, least(count(*), 20) - 5)), false)
	from sign_in_attempt a
	where a.address = of_address and a.counted and not a.succeeded and a.id <> but_attempt
		and a.at > coalesce((select max(o.at) from sign_in_attempt o where o.address = of_address and o.opened),
			at_time - interval '1 day')
$$;

-- Notes one try and answers a ticket, whatever the outcome. The outcome is told by
-- open_session(), in a later transaction: a try that is rolled back, to be forgotten and not
-- counted, has taught nothing.
create function sign_in(email text, key bytea) returns bytea
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	entry   record := find_account(email);
	who     bytea := sha256(convert_to(lower(email), 'UTF8'));
	ticket  bytea := random_key();
begin
	insert into sign_in_attempt (address, collaborator_id, ticket, succeeded, counted)
	values (who, coalesce((entry.account).collaborator_id, 0), sha256(ticket),
		entry.known and coalesce((entry.account).key_hash = sha256(key), false),
		not is_locked(who, clock_timestamp(), 0));
	return ticket;
end $$;

-- A session's row and its key.
create function new_session(of_collaborator bigint, lifetime interval, for_seeding boolean,
	out session_id bigint, out session_key bytea, out ends timestamptz)
language plpgsql volatile set search_path = :"schema", pg_temp as $$
begin
	session_key := random_key();
	insert into session (collaborator_id, inner_key, outer_key, ends_at, seeding)
	values (of_collaborator, hmac_block(session_key, 54), hmac_block(session_key, 92),
		clock_timestamp() + lifetime, for_seeding)
	returning id, ends_at into session_id, ends;
end $$;

-- Whose the ticket of a successful try is, once, within a minute and in a later transaction; null for anything else.
create function redeem(of_ticket bytea) returns bigint
language plpgsql volatile set search_path = :"schema", pg_temp as $$
declare
	try record;
begin
	update sign_in_attempt a set opened = true
	where a.ticket = sha256(of_ticket) and a.succeeded and not a.opened
		and a.transaction <> pg_current_xact_id() and a.at > clock_timestamp() - interval '1 minute'
		and not is_locked(a.address, a.at, a.id)
		and exists (select from collaborator c join credential k on k.collaborator_id = c.id
			where c.id = a.collaborator_id and c.deleted_at is null and k.changed_at <= a.at)
	returning a.collaborator_id into try;
	return try.collaborator_id;
end $$;

-- Redeems the ticket of sign_in(): the session's id, its key, whose it is, its end, and the server's clock.
-- Anything else is error 28P01, always the same.
create function open_session(ticket bytea, lifetime interval,
	out session_id bigint, out session_key bytea, out collaborator_id bigint, out ends timestamptz, out server_time timestamptz)
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	collaborator_id := redeem(ticket);
	if collaborator_id is null then
		raise exception using errcode = '28P01', message = 'wrong email or password';
	end if;
	server_time := clock_timestamp();
	select n.session_id, n.session_key, n.ends into session_id, session_key, ends
	from new_session(collaborator_id,
		greatest(interval '1 second', least(lifetime, (select s.value::interval from setting s where s.name = 'session_lifetime'))),
		false) n;
	delete from sign_in_attempt a where a.id in (
		select o.id from sign_in_attempt o where o.at < clock_timestamp() - interval '2 days'
		limit 1000 for update skip locked);
	delete from session e where e.id in (
		select o.id from session o where o.ends_at < clock_timestamp() - interval '30 days'
		limit 1000 for update skip locked);
end $$;

-- A session for `crm seed`, for the owner only. What it adds is fictional.
create function open_seeding_session(of_collaborator bigint, out session_id bigint, out session_key bytea, out ends timestamptz)
language sql volatile set search_path = :"schema", pg_temp as $$
	select * from new_session(of_collaborator, interval '1 hour', true)
$$;

-- Ends the caller's session.
create function sign_out() returns void
language sql volatile security definer set search_path = :"schema", pg_temp as $$
	update session set revoked_at = clock_timestamp() where id = (me()).session_id
$$;

-- Stores the credential of a collaborator who has none yet; needs user.add.
create function set_first_password(of_email text, memory_kib integer, iterations integer, parallelism integer, salt bytea, key_hash bytea)
returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	if reach('user.add') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	insert into credential
	select c.id, memory_kib, iterations, parallelism, salt, key_hash
	from collaborator c where lower(c.email) = lower(of_email) and c.deleted_at is null
		and (not (select r.reserved from role r where r.name = c.role) or c.role = (me()).role);
	if not found then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
end $$;

-- Changes the caller's own password, given the ticket of sign_in() with the current one; all their other
-- sessions end. False for any other ticket: a wrong guess was counted when the ticket was made.
create function change_password(ticket bytea, memory_kib integer, iterations integer, parallelism integer, salt bytea, key_hash bytea)
returns boolean
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
begin
	if redeem(ticket) is distinct from caller.id then
		return false;
	end if;
	update credential k set memory_kib = change_password.memory_kib, iterations = change_password.iterations,
		parallelism = change_password.parallelism, salt = change_password.salt, key_hash = change_password.key_hash,
		changed_at = clock_timestamp()
	where k.collaborator_id = caller.id;
	update session set revoked_at = clock_timestamp()
	where collaborator_id = caller.id and id <> caller.session_id and revoked_at is null;
	return true;
end $$;

-- 6 ----------------------------------------------------------------------------- rules
-- Refusals name a constraint; the program knows the words for it. DETAIL is for people too.

-- First of all triggers, with the caller's own rights: whoever lacks the action altogether is turned
-- away before any other trigger reads, locks or tells anything. Which rows, the policies decide;
-- what the policies cannot see (deleting is an update of one column) is decided here.
create function guard() returns trigger
language plpgsql set search_path = :"schema", pg_temp as $$
declare
	noun  text := tg_argv[0];
	verb  text := 'add';
	reached bigint;
begin
	if not row_security_active(tg_relid) then
		return new; -- the owner's own functions
	end if;
	if tg_op = 'UPDATE' then
		verb := case when new.deleted_at is distinct from old.deleted_at then 'delete' else 'update' end;
	end if;
	reached := reach(noun || '.' || verb);
	if reached is null then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	if verb <> 'add' and old.deleted_at is not null and new.deleted_at is not null then
		raise exception using errcode = '23514', constraint = 'deleted_record', message = 'a deleted record does not change';
	end if;
	if noun = 'event' and verb = 'add' and reached <> 0 then -- before the rules tell anything about the contract
		if exists (select from contracts k where k.id = new.contract_id and k.customer_sales_id is distinct from reached) then
			raise exception using errcode = '42501', message = 'not permitted';
		end if;
	end if;
	if verb = 'delete' then -- only that column, at the server's time
		if to_jsonb(new) - 'deleted_at' is distinct from to_jsonb(old) - 'deleted_at' then
			raise exception using errcode = '42501', message = 'deleting changes nothing else';
		end if;
		new.deleted_at := case when new.deleted_at is not null then now() end;
	end if;
	return new;
end $$;

-- Stamps who and when; the client has no say in it.
create function stamp() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	if tg_op = 'INSERT' then
		new.created_at := moment();
		new.fictional := coalesce((actor()).seeding, false);
	end if;
	new.updated_at := moment();
	return new;
end $$;

-- The contact, or null for one who is deleted or whose role is another. The lock makes a simultaneous deletion wait.
create function standing_contact(contact bigint, kind text) returns bigint
language sql volatile security definer set search_path = :"schema", pg_temp as $$
	select c.id from collaborator c join role r on r.name = c.role
	where c.id = contact and c.deleted_at is null
		and case kind when 'sales' then r.sells else r.supports end
	for share of c
$$;

create function check_contact(contact bigint, kind text) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	if contact is not null and standing_contact(contact, kind) is null then
		raise exception using errcode = '23514', constraint = kind || '_contact_role',
			message = 'not a contact of that kind', detail = contact::text;
	end if;
end $$;

create function customer_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := actor();
	sells  boolean := coalesce((select r.sells from role r where r.name = caller.role), false);
begin
	if tg_op = 'INSERT' and sells then
		new.sales_id := coalesce(new.sales_id, caller.id);
		if new.sales_id <> caller.id then
			raise exception using errcode = '42501', message = 'the creator is the sales contact';
		end if;
	end if;
	if tg_op = 'INSERT' or new.sales_id is distinct from old.sales_id then
		perform check_contact(new.sales_id, 'sales');
	end if;
	if tg_op = 'UPDATE' and new.deleted_at is null and old.deleted_at is not null then
		new.sales_id := standing_contact(new.sales_id, 'sales'); -- who may have left meanwhile
	end if;
	if tg_op = 'UPDATE' and new.deleted_at is not null and old.deleted_at is null and exists (
		select from contract c where c.customer_id = new.id and c.deleted_at is null and c.status not in ('finished', 'canceled')) then
		raise exception using errcode = '23503', constraint = 'customer_has_contracts', message = 'unfinished contracts',
			detail = (select count(*) from contract c where c.customer_id = new.id and c.deleted_at is null and c.status not in ('finished', 'canceled'))::text;
	end if;
	return new;
end $$;

-- When a customer changes hands, the contracts that had the old contact follow.
create function customer_follow() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	update contract c set sales_id = new.sales_id
	where c.customer_id = new.id and c.sales_id is not distinct from old.sales_id;
	return null;
end $$;

-- The state machine, the contact and the amounts of a contract.
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
			raise exception using errcode = '23514', constraint = 'contract_state', message = 'not a first state', detail = 'new → ' || new.status;
		end if;
		new.signed_at := case when new.status = 'signed' then moment() end;
		perform check_contact(new.sales_id, 'sales');
		return new;
	end if;
	if new.sales_id is distinct from old.sales_id then
		perform check_contact(new.sales_id, 'sales');
	end if;
	new.remaining_amount := new.remaining_amount + new.total_amount - old.total_amount;
	if new.status <> old.status then
		if (old.status, new.status) not in (
			('to_send', 'pending'), ('to_send', 'signed'), ('to_send', 'canceled'),
			('pending', 'signed'), ('pending', 'canceled'), ('signed', 'finished')) then
			raise exception using errcode = '23514', constraint = 'contract_state', message = 'no such step',
				detail = old.status || ' → ' || new.status;
		end if;
		new.signed_at := case when new.status = 'signed' then moment() else old.signed_at end;
	end if;
	return new;
end $$;

-- One entry of the ledger. Updating the contract locks its row: concurrent entries follow one
-- another, and the contract's CHECK refuses the one that would overdraw.
create function payment_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := me();
	state  text;
begin
	new.recorded_by := caller.id;
	new.created_at := moment();
	new.fictional := caller.seeding;
	select c.status into state from contract c where c.id = new.contract_id and c.deleted_at is null for update;
	if not found then
		raise exception using errcode = '23503', constraint = 'payment_contract_id_fkey', message = 'no such contract', detail = new.contract_id::text;
	end if;
	if state = 'canceled' or (state = 'finished' and new.amount <> 0) then
		raise exception using errcode = '23514', constraint = 'payment_contract_closed', message = 'the contract is closed', detail = state;
	end if;
	if not payable(new.contract_id) then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	update contract c set remaining_amount = c.remaining_amount - new.amount where c.id = new.contract_id;
	return new;
end $$;

-- The sales contact of a customer, and of the customer of a contract, for policies. They answer null,
-- and payable() false, to whoever is not signed in: an error would tell what exists.
create function contact_of_customer(of_customer bigint) returns bigint
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	return (select c.sales_id from customer c where c.id = of_customer and (select reached('customer.view')) = 0);
end $$;
create function contact_of_contract(of_contract bigint) returns bigint
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	return (select c.sales_id from contract k join customer c on c.id = k.customer_id
		where k.id = of_contract and (select reached('contract.view')) = 0);
end $$;

-- Whether the caller may add to a contract's ledger: whoever may update the contract.
create function payable(of_contract bigint) returns boolean
language plpgsql stable security definer set search_path = :"schema", pg_temp as $$
begin
	return coalesce((
		select reached('contract.update') = any (array[0, k.sales_id, c.sales_id])
		from contract k join customer c on c.id = k.customer_id where k.id = of_contract), false);
end $$;

create function event_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
begin
	if tg_op = 'INSERT' or new.contract_id <> old.contract_id then
		perform from contract c where c.id = new.contract_id and c.deleted_at is null and c.status = 'signed' for share;
		if not found then
			raise exception using errcode = '23503', constraint = 'event_contract_signed', message = 'no such signed contract', detail = new.contract_id::text;
		end if;
	end if;
	if tg_op = 'INSERT' or new.support_id is distinct from old.support_id then
		perform check_contact(new.support_id, 'support');
	end if;
	if tg_op = 'UPDATE' and new.deleted_at is null and old.deleted_at is not null then
		new.support_id := standing_contact(new.support_id, 'support'); -- who may have left meanwhile
	end if;
	return new;
end $$;

-- What a collaborator still answers for, in words; null if nothing.
create function open_work(of_collaborator bigint) returns text
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select nullif(concat_ws(', ',
		(select count(*) || case count(*) when 1 then ' customer' else ' customers' end from customer c
			where c.sales_id = of_collaborator and c.deleted_at is null having count(*) > 0),
		(select count(*) || case count(*) when 1 then ' open contract' else ' open contracts' end from contract c
			where c.sales_id = of_collaborator and c.deleted_at is null and c.status not in ('finished', 'canceled') having count(*) > 0),
		(select count(*) || case count(*) when 1 then ' coming event' else ' coming events' end from event e
			where e.support_id = of_collaborator and e.deleted_at is null and coalesce(e.end_date > now(), true) having count(*) > 0)), '')
$$;

create function collaborator_rules() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := actor();
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
		raise exception using errcode = '23514', constraint = 'collaborator_self', message = 'nobody deletes themselves';
	end if;
	if (leaves or moves) and exists (select from role r where r.name = old.role and r.reserved) then
		perform from role r where r.name = old.role for update; -- one such change at a time
		if not exists (select from collaborator c where c.role = old.role and c.id <> new.id and c.deleted_at is null) then
			raise exception using errcode = '23514', constraint = 'role_last_holder', message = 'the last one', detail = old.role;
		end if;
	end if;
	if leaves or moves then
		work := open_work(new.id);
		if work is not null then
			raise exception using errcode = '23503', constraint = 'collaborator_has_work', message = 'still responsible', detail = work;
		end if;
		update session set revoked_at = clock_timestamp() where collaborator_id = new.id and revoked_at is null;
	end if;
	return new;
end $$;

-- Hands everything that is open from one collaborator to another, before the first leaves.
create function hand_over(from_id bigint, to_id bigint) returns void
language plpgsql volatile security definer set search_path = :"schema", pg_temp as $$
begin
	if reach('user.update', 'user.delete') is distinct from 0 then
		raise exception using errcode = '42501', message = 'not permitted';
	end if;
	perform from collaborator c where c.id = from_id and c.deleted_at is null for update;
	if not found or to_id is null then
		raise exception using errcode = 'P0002', message = 'no such collaborator';
	end if;
	update customer set sales_id = to_id where sales_id = from_id and deleted_at is null;
	update contract set sales_id = to_id where sales_id = from_id and deleted_at is null and status not in ('finished', 'canceled');
	update event set support_id = to_id where support_id = from_id and deleted_at is null and coalesce(end_date > now(), true);
end $$;

-- Triggers of one event fire in the order of their names.
create trigger a_guard before insert or update on collaborator for each row execute function guard('user');
create trigger a_guard before insert or update on customer for each row execute function guard('customer');
create trigger a_guard before insert or update on contract for each row execute function guard('contract');
create trigger a_guard before insert or update on event for each row execute function guard('event');
create trigger b_stamp before insert or update on collaborator for each row execute function stamp();
create trigger b_stamp before insert or update on customer for each row execute function stamp();
create trigger b_stamp before insert or update on contract for each row execute function stamp();
create trigger b_stamp before insert or update on event for each row execute function stamp();
create trigger c_rules before insert or update on collaborator for each row execute function collaborator_rules();
create trigger c_rules before insert or update on customer for each row execute function customer_rules();
create trigger c_rules before insert or update on contract for each row execute function contract_rules();
create trigger c_rules before insert or update on event for each row execute function event_rules();
create trigger c_rules before insert on payment for each row execute function payment_rules();
create trigger d_follow after update of sales_id on customer for each row
	when (old.sales_id is distinct from new.sales_id) execute function customer_follow();

-- 7 ------------------------------------------------------------------------- the trail

-- Who, when, what, before and after. Sealed columns stay sealed; only changed columns are kept.
create table audit (
	id              bigint generated always as identity primary key,
	at              timestamptz not null default clock_timestamp(),
	collaborator_id bigint, -- null: the owner's own work (init, purge); no foreign key, for the trail outlives all
	session_id      bigint,
	entity          text not null,
	entity_id       bigint not null,
	action          text not null check (action in ('add', 'update', 'delete', 'restore', 'purge')),
	before          jsonb,
	after           jsonb
);
create index audit_entity on audit (entity, entity_id, id);

create function trail() returns trigger
language plpgsql security definer set search_path = :"schema", pg_temp as $$
declare
	caller identity := actor();
	unkept text[] := '{id,created_at,updated_at,fictional,company_name_tokens,full_name_tokens,email_tokens,phone_tokens}'; -- stamps, and what is derived
	was    jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - unkept end;
	is_now jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - unkept end;
	what   text := case tg_op when 'INSERT' then 'add' when 'DELETE' then 'purge' else 'update' end;
	which  bigint := case when tg_op = 'DELETE' then old.id else new.id end;
begin
	if tg_op = 'UPDATE' then
		what := case
			when was->'deleted_at' = is_now->'deleted_at' then 'update'
			when is_now->>'deleted_at' is null then 'restore' else 'delete' end;
		select jsonb_object_agg(w.key, w.value), jsonb_object_agg(w.key, is_now->w.key) into was, is_now
		from jsonb_each(was) w where w.value is distinct from is_now->w.key;
		if was is null then
			return null; -- nothing but stamps
		end if;
	end if;
	insert into audit (collaborator_id, session_id, entity, entity_id, action, before, after)
	values (caller.id, caller.session_id, tg_argv[0], which, what, was, jsonb_strip_nulls(is_now));
	return null;
end $$;

create trigger z_trail after insert or update or delete on collaborator for each row execute function trail('user');
create trigger z_trail after insert or update or delete on customer for each row execute function trail('customer');
create trigger z_trail after insert or update or delete on contract for each row execute function trail('contract');
create trigger z_trail after insert or update or delete on event for each row execute function trail('event');
create trigger z_trail after insert or update or delete on payment for each row execute function trail('payment');

create function append_only() returns trigger
language plpgsql set search_path = :"schema", pg_temp as $$
begin
	raise exception using errcode = '42501', message = 'the trail is append-only';
end $$;
create trigger append_only before update or delete or truncate on audit for each statement execute function append_only();

-- The trail of one record, oldest first, for whoever may view such records.
create function history(of_entity text, of_id bigint)
returns table (id bigint, at timestamptz, user_id bigint, user_name text, action text, before jsonb, after jsonb)
language sql stable security definer set search_path = :"schema", pg_temp as $$
	select a.id, a.at, a.collaborator_id, c.first_name || ' ' || c.last_name, a.action, a.before, a.after
	from audit a left join collaborator c on c.id = a.collaborator_id
	where a.entity = of_entity and a.entity_id = of_id and (select reach(of_entity || '.view')) = 0
	order by a.id
$$;

-- 8 --------------------------------------------------------------------------- reading
-- One view a noun, with the names that people want to see. Each passes one gate, decided once a
-- statement before anything is fetched; a row filter would keep text and array search from their
-- indexes (PostgreSQL manual, 41.5 Rules and Privileges: leakproof). security_barrier stays off for that reason: the
-- gate names no column, so it is evaluated above every scan.

create view users as
select u.id, u.employee_number, u.first_name, u.last_name, u.email, u.role, u.created_at, u.updated_at, u.deleted_at
from collaborator u
where (select reach('user.view')) = 0;

create view customers as
select c.id, c.company_name, c.full_name, c.email, c.phone, c.sales_id, s.first_name || ' ' || s.last_name as sales_contact,
	c.created_at, c.updated_at, c.deleted_at,
	search_keys(c.company_name_tokens || c.full_name_tokens || c.email_tokens || c.phone_tokens, c.id) as keys
from customer c left join collaborator s on s.id = c.sales_id
where (select reach('customer.view')) = 0;

create view contracts as
select k.id, k.customer_id, c.company_name as customer, c.full_name as customer_contact, k.sales_id,
	s.first_name || ' ' || s.last_name as sales_contact, c.sales_id as customer_sales_id,
	k.total_amount, k.remaining_amount, k.status, k.signed_at, k.created_at, k.updated_at, k.deleted_at,
	c.company_name_tokens || c.full_name_tokens as tokens
from contract k join customer c on c.id = k.customer_id left join collaborator s on s.id = k.sales_id
where (select reach('contract.view')) = 0;

create view events as
select e.id, e.name, e.contract_id, k.customer_id, c.company_name as customer, c.full_name as customer_contact,
	c.email as customer_email, c.phone as customer_phone, e.start_date, e.end_date, e.location, e.attendees, e.comments,
	e.support_id, s.first_name || ' ' || s.last_name as support_contact, c.sales_id as customer_sales_id,
	e.created_at, e.updated_at, e.deleted_at,
	c.company_name_tokens || c.full_name_tokens || c.email_tokens || c.phone_tokens as tokens
from event e join contract k on k.id = e.contract_id join customer c on c.id = k.customer_id
	left join collaborator s on s.id = e.support_id
where (select reach('event.view')) = 0;

-- 9 --------------------------------------------------------------------------- writing
-- Rows that an update's or insert's caller reaches. Of the tables themselves only what an update names can be
-- read, by whoever may view such records.

alter table collaborator enable row level security;
alter table customer enable row level security;
alter table contract enable row level security;
alter table payment enable row level security;
alter table event enable row level security;

create policy reading on collaborator for select to :"app" using ((select reached('user.view')) = 0);
create policy adding on collaborator for insert to :"app" with check ((select reached('user.add')) = 0);
create policy changing on collaborator for update to :"app"
	using ((select reached('user.update', 'user.delete')) = any (array[0, id]))
	with check ((select reached('user.update', 'user.delete')) is not null);

create policy reading on customer for select to :"app" using ((select reached('customer.view')) = 0);
create policy adding on customer for insert to :"app" with check ((select reached('customer.add')) = any (array[0, sales_id]));
create policy changing on customer for update to :"app"
	using ((select reached('customer.update', 'customer.delete')) = any (array[0, sales_id]))
	with check ((select reached('customer.update', 'customer.delete')) is not null);

create policy reading on contract for select to :"app" using ((select reached('contract.view')) = 0);
create policy adding on contract for insert to :"app"
	with check ((select reached('contract.add')) = any (array[0, contact_of_customer(customer_id)]));
create policy changing on contract for update to :"app"
	using ((select reached('contract.update', 'contract.delete')) = any (array[0, sales_id, contact_of_customer(customer_id)]))
	with check ((select reached('contract.update', 'contract.delete')) is not null);

create policy adding on payment for insert to :"app" with check (payable(contract_id));

create policy reading on event for select to :"app" using ((select reached('event.view')) = 0);
create policy adding on event for insert to :"app"
	with check ((select reached('event.add')) = any (array[0, contact_of_contract(contract_id)]));
create policy changing on event for update to :"app"
	using ((select reached('event.update', 'event.delete')) = any (array[0, support_id]))
	with check ((select reached('event.update', 'event.delete')) is not null);

-- 10 --------------------------------------------------------------------------- grants
-- All that the app role may do. Columns that are not named here are kept by triggers.

grant usage on schema :"schema" to :"app";

grant execute on function
	sign_in_params(text), sign_in(text, bytea), open_session(bytea, interval), sign_out(),
	change_password(bytea, integer, integer, integer, bytea, bytea),
	set_first_password(text, integer, integer, integer, bytea, bytea),
	me(), me_id(), reach(text[]), reached(text[]), my_account(), my_permissions(), hand_over(bigint, bigint), history(text, bigint),
	contact_of_customer(bigint), contact_of_contract(bigint), payable(bigint), search_keys(integer[], bigint)
	to :"app";

grant select on users, customers, contracts, events to :"app";
-- What an update names; everything else is read through the views.
grant select (id, deleted_at) on collaborator, customer, contract, event to :"app";

-- For currval() of what the app role itself has just added.
grant select on sequence collaborator_id_seq, customer_id_seq, contract_id_seq, event_id_seq to :"app";

grant insert (employee_number, first_name, last_name, email, role) on collaborator to :"app";
grant update (employee_number, first_name, last_name, email, role, deleted_at) on collaborator to :"app";
grant insert (company_name, full_name, email, phone, company_name_tokens, full_name_tokens, email_tokens, phone_tokens, sales_id) on customer to :"app";
grant update (company_name, full_name, email, phone, company_name_tokens, full_name_tokens, email_tokens, phone_tokens, sales_id, deleted_at) on customer to :"app";
grant insert (customer_id, sales_id, total_amount, status) on contract to :"app";
grant update (customer_id, sales_id, total_amount, status) on contract to :"app";
grant insert (contract_id, amount, paid_on) on payment to :"app";
grant insert (name, contract_id, start_date, end_date, location, attendees, comments) on event to :"app";
grant update (name, contract_id, start_date, end_date, location, attendees, comments, support_id, deleted_at) on event to :"app";

insert into secret values ('made_up_salt', random_key());
