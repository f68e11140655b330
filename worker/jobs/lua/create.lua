-- Writes the record of a new job, puts it into its queue and opens its event stream.
-- KEYS  1 record  2 events  3 jobs:queued:{queue}  4 jobs:deadlines  5 jobs:ended  6 jobs:queues
-- ARGV  1 job id  2 longest queue  3 start of its priority's band  4 deadline in ms or ''  5... field, value, ...
-- Returns {'full'}, {'exists'} or {'created', field, value, ...}.
if redis.call('EXISTS', KEYS[1]) == 1 then return {'exists'} end
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[2]) then return {'full'} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'status', 'queued', 'attempts', 0, 'created_at', now, 'queued_at', now, unpack(ARGV, 5))
local stage, queue = unpack(redis.call('HMGET', KEYS[1], 'stage', 'queue'))
redis.call('XADD', KEYS[2], '*', 'type', 'status', 'data', '{"status":"queued","stage":"' .. stage .. '"}')
redis.call('SADD', KEYS[6], queue)
redis.call('ZADD', KEYS[3], ARGV[3] + now, ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1]) end
return {'created', unpack(redis.call('HGETALL', KEYS[1]))}
