-- What stood before a change and what stands since are each a column of their
-- own: {"top": …, "announcement": …}, each key only where the change is about it.
ALTER TABLE changes ADD COLUMN before TEXT;
ALTER TABLE changes ADD COLUMN after TEXT;

UPDATE changes SET
    before = json_object('top', json(change -> '$.top.before')),
    after = json_object('top', json(change -> '$.top.after'))
WHERE change ->> '$.top' IS NOT NULL;

UPDATE changes SET
    before = json_object(
        'top', json(change -> '$.entry.top_before'),
        'announcement', 'others'),
    after = json_object(
        'top', iif(change ->> '$.entry.top_before' IS NULL, NULL, 'announcement'),
        'announcement', json_object('entry', json(change -> '$.entry.placed')))
WHERE change ->> '$.entry' IS NOT NULL;

UPDATE changes SET
    before = json_object(),
    after = json_object('top', json(change -> '$.entry_gone.top'), 'announcement', 'others')
WHERE change ->> '$.entry_gone' IS NOT NULL;

ALTER TABLE changes DROP COLUMN change;
