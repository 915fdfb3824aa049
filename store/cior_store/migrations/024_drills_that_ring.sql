-- Of a drill's command: whether real people hear of it (Command.rings).
ALTER TABLE ops.commands ADD COLUMN IF NOT EXISTS rings Bool DEFAULT false;
