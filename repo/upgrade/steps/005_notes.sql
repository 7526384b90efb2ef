-- Version 5: long notes.

alter table event drop constraint event_comments_check;
alter table event add constraint event_comments_check check (length(comments) between 1 and 10000);

alter table event drop constraint event_tokens;
alter table event add constraint event_tokens
	check (cardinality(name_tokens) <= 1500 and cardinality(location_tokens) <= 1500
	and cardinality(comments_tokens) <= 40000);
