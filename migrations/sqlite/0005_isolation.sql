-- Whether an attempt was begun before: a call of it may have taken effect.
ALTER TABLE jobs ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
-- How often the bot died while it worked on this and on other jobs: any of them may be the cause.
-- `crashes` counts those that can only be this job's fault: panics, and deaths while it ran alone.
ALTER TABLE jobs ADD COLUMN suspicions INTEGER NOT NULL DEFAULT 0;
-- Whether the bot works on nothing else beside it.
ALTER TABLE jobs ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
