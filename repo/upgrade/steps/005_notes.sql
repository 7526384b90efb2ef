-- Version 5: long notes.

alter table event drop constraint event_comments_check;
alter table event add constraint event_comments_check check (length(comments) between 1 and 10000);
