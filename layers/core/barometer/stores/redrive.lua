-- Sends dead letters of one partition back to the streams in which they died.
--
-- KEYS  1 the partition's dead letters, 2 its counters, 3 the token of this call, 4… streams that letters may go back to
-- ARGV  1 seconds to remember the token, 2 the bound of the dead letters (0: none), then for each of those streams: its
--       name, its bound, the pipe that reads it, '1' if its records are posts (or '0'), then the ids of the letters
-- Gives {ids that were sent, ids that are gone, {id, why not, of what}, … one for each letter that stays}.
--
-- One step: a letter is in its stream or in the dead letters, never in both and never in neither, and the counters say
-- so. A letter that is gone was sent by another call: it is left alone, so no letter is sent twice.

-- A call whose reply was lost is sent again by the client library: it is told what it has done.
local told = redis.call('GET', KEYS[3])
if told then
  return cmsgpack.unpack(told)
end

local streams = {}
local at = 3
for i = 4, #KEYS do
  streams[ARGV[at]] = {
    key = KEYS[i],
    room = tonumber(ARGV[at + 1]) - redis.call('XLEN', KEYS[i]),
    pipe = ARGV[at + 2],
    posts = ARGV[at + 3] == '1',
  }
  at = at + 4
end

-- While the letters are at their bound every pipe rests, so a full stream stays full: so many more letters go back as
-- bring them below it.
local spare = 0
if tonumber(ARGV[2]) > 0 then
  spare = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[2]) + 1
end

-- 1. Every check before the first write.
local sent, gone, refused = {}, {}, {}
local letters, counts, seen = {}, {}, {}
for i = at, #ARGV do
  local id = ARGV[i]
  local entry = not seen[id] and redis.call('XRANGE', KEYS[1], id, id)[1]
  seen[id] = true
  if not entry then
    gone[#gone + 1] = id
  else
    local letter = {}
    for field = 1, #entry[2], 2 do
      letter[entry[2][field]] = entry[2][field + 1]
    end
    local stream = streams[letter.stream or '']
    if (letter.body or '') == '' then
      refused[#refused + 1] = { id, 'body', '' }
    elseif not stream then
      refused[#refused + 1] = { id, 'stream', letter.stream or '' }
    elseif stream.posts and letter.kind ~= 'rejected' and letter.kind ~= 'dead' then
      refused[#refused + 1] = { id, 'kind', letter.kind or '' }
    elseif stream.room < 1 and spare < 1 then
      refused[#refused + 1] = { id, 'full', letter.stream }
    else
      stream.room = stream.room - 1
      spare = spare - 1
      sent[#sent + 1] = id
      letters[#letters + 1] = { stream.key, letter.body }
      local redriven = stream.pipe .. '.redriven'
      counts[redriven] = (counts[redriven] or 0) + 1
      if stream.posts then
        counts[letter.kind] = (counts[letter.kind] or 0) - 1
      end
    end
  end
end
local reply = { sent, gone, unpack(refused) }
if #sent == 0 then
  return reply
end

-- 2. Counters. First of the writes because it is the one that can be refused: for want of memory or disk.
for counter, change in pairs(counts) do
  redis.call('HINCRBY', KEYS[2], counter, change)
end
redis.call('SET', KEYS[3], cmsgpack.pack(reply), 'EX', ARGV[1])

-- 3. The letters: back where they died, as new records there, and out of here.
for _, letter in ipairs(letters) do
  redis.call('XADD', letter[1], '*', 'body', letter[2])
end
redis.call('XDEL', KEYS[1], unpack(sent))
return reply
