-- Forgets consumers that hold nothing: what dead pollers leave behind.
--
-- KEYS  1 the source stream
-- ARGV  1 pipe, 2 only this consumer ('': all), 3 milliseconds for which it must have been silent
-- Gives how many were forgotten.
--
-- One step, because a consumer that reads between the look and XGROUP DELCONSUMER would take its new records with it:
-- delivered once, held by nobody, never delivered again. A live consumer that is forgotten is made anew by its next read.

local forgotten = 0
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #row, 2 do
    consumer[row[i]] = row[i + 1]
  end
  local meant = ARGV[2] == '' or ARGV[2] == consumer.name
  if meant and consumer.pending == 0 and consumer.idle >= tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    forgotten = forgotten + 1
  end
end
return forgotten
