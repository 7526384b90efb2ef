-- Version 4: signing in without sending the key, sealed values under known keys only, changes that name the session of
-- their permission check, requests whose result can be looked up, canceled events, and no planner statistics.

-- Attempts are recorded in another form. The old ones have no device, so they lock out no account.
drop table sign_in_attempt;
create table sign_in_attempt (
	id           bigint generated always as identity primary key,
	address      bytea    not null check (length(address) = 32),
	name_hash    bytea    not null check (length(name_hash) = 32),
	nonce        bytea    not null check (length(nonce) = 40),
	client_nonce bytea    not null check (length(client_nonce) = 32),
	proof        bytea    not null check (length(proof) = 32),
	code_proof   bytea    check (length(code_proof) = 32),
	device       bytea    not null check (length(device) = 32),
	device_proof bytea    not null check (length(device_proof) = 32),
	ticket       bytea    not null,
	outcome      smallint not null default 0 check (outcome between 0 and 5),
	noted        boolean  not null default false,
	client       inet     default inet_client_addr(),
	transaction  xid8     not null default pg_current_xact_id(),
	at           timestamptz not null default clock_timestamp()
);
create unique index sign_in_attempt_nonce on sign_in_attempt (nonce);
create unique index sign_in_attempt_ticket on sign_in_attempt (ticket);
create index sign_in_attempt_at on sign_in_attempt (at);
create index sign_in_attempt_address on sign_in_attempt (address);
create index sign_in_attempt_noted on sign_in_attempt (id) where not noted and outcome <= 3;
create table sign_in_count (
	counter    bytea       not null,
	at         timestamptz not null,
	attempt_id bigint      not null,
	primary key (counter, at, attempt_id)
);
create index sign_in_count_attempt_id on sign_in_count (attempt_id);
create table sign_in_success (
	counter bytea       not null,
	at      timestamptz not null,
	primary key (counter, at)
);
create index sign_in_success_at on sign_in_success (at);
insert into sign_in_count values (decode(repeat('ff', 33), 'hex'), 'infinity', 0);
insert into sign_in_success values ('', '-infinity');
create type judgement as (outcome text, signature bytea, attempt_id bigint, collaborator_id bigint, key bytea,
	auth bytea,
	transcript bytea, password_at timestamptz, factor_at timestamptz);
insert into secret select 'sign_in_nonce',
	sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- The present key is the one that seals most values. While a rotation is under way it goes on: its key is the next one.
create table sealing_key (
	id     bigint primary key check (id between 0 and 4294967295),
	state  text not null check (state in ('present', 'next', 'retired')),
	since  timestamptz not null default now(),
	prefix bytea not null generated always as ('\x01'::bytea || substr(int8send(id), 5)) stored
);
create unique index sealing_key_state on sealing_key (state) where state <> 'retired';
with sealed_with as (
	select ('x' || encode(substr(v, 2, 4), 'hex'))::bit(32)::bigint & 4294967295 as key
	from customer c, unnest(array[c.company_name, c.full_name, c.email, c.phone]) v
	where get_byte(v, 0) = 1
), used as (
	select key, key = (select s.value::bigint from setting s where s.name = 'rotating_to') is true as next,
		count(*) as times
	from sealed_with group by key
), ranked as (
	select key, next, row_number() over (partition by next order by times desc, key) as place from used
)
insert into sealing_key (id, state)
select key, case when place > 1 then 'retired' when next then 'next' else 'present' end from ranked;
-- A rotation that has re-encrypted every value only has to be ended. A next key without a present one becomes the
-- present one.
update sealing_key set state = 'present' where state = 'next'
	and not exists (select from sealing_key where state = 'present');
delete from setting where name = 'rotating_to';

alter table collaborator add column changed_in bigint;
alter table customer add column changed_in bigint;
alter table contract add column changed_in bigint;
alter table payment add column changed_in bigint;
alter table event add column changed_in bigint;
alter table event add column canceled_at timestamptz;

create table request (
	key             uuid primary key,
	collaborator_id bigint,
	entry           bigint,
	transaction     xid8 not null default pg_current_xact_id(),
	at              timestamptz not null default clock_timestamp()
);
create index request_at on request (at);

insert into permission (role, action, scope)
select r.name, action, 'all' from role r, unnest(array['user.handover', 'event.cancel']) action
	where r.name in ('admin', 'manage');

-- Old statistics tell values to callers that the views refuse, and analyze does not remove them; a change of a column's
-- type does, also to the type that it has.
do $$
declare
	kept record;
begin
	for kept in
		select s.tablename, s.attname, format_type(a.atttypid, a.atttypmod) as type
		from pg_stats s join pg_class c on c.relname = s.tablename
		and c.relnamespace = quote_ident(current_schema())::regnamespace
			join pg_attribute a on a.attrelid = c.oid and a.attname = s.attname
		where s.schemaname = current_schema() and c.relkind = 'r'
	loop
		execute format('alter table %I alter column %I type %s', kept.tablename, kept.attname, kept.type);
	end loop;
end $$;
