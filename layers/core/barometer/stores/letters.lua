-- Looks at the dead letters of one partition, newest first.
--
-- KEYS  1 the partition's dead letters
-- ARGV  1 id to begin with ('(' before it: behind it), 2 most letters to look at, 3 most bytes to give of a value,
--       then pairs: a field, and the value that it must have
-- Gives {id of the last that was looked at ('': the end was reached), {id, length of its body, field, value, …}, …}.

local most, longest = tonumber(ARGV[2]), tonumber(ARGV[3])
local entries = redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', most)
local reply = { #entries < most and '' or entries[#entries][1] }
for _, entry in ipairs(entries) do
  local fields, row = {}, { entry[1], 0 }
  for i = 1, #entry[2], 2 do
    local name, value = entry[2][i], entry[2][i + 1]
    fields[name] = value
    row[#row + 1] = name
    row[#row + 1] = string.sub(value, 1, longest)
  end
  row[2] = #(fields.body or '')
  local wanted = true
  for i = 4, #ARGV, 2 do
    wanted = wanted and fields[ARGV[i]] == ARGV[i + 1]
  end
  if wanted then
    reply[#reply + 1] = row
  end
end
return reply
