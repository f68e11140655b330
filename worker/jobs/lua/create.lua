-- Writes the record of a new job, puts it into its queue, opens its event stream and wakes a worker.
-- KEYS  1 record  2 events  3 jobs:queued:{queue}  4 jobs:deadlines  5 jobs:ended  6 jobs:queues
--       7 jobs:owned:{owner}  8 jobs:active:{owner}  9 idempotency key, or '' for none
--       10 list of the messages of its queue and priority
-- ARGV  1 a JSON object:
--   id           of the job
--   max_queued   most jobs that may wait before it
--   max_active   most jobs that its owner may have queued or running, or null
--   max_before   most that may be before it by how long it may wait, or null
--   band         start of its priority's band
--   deadline_ms  how long until its deadline, or null
--   fingerprint  of the request, to be kept under the idempotency key for keep_ms
--   message      for a worker, or null
--       2... field, value, ..., of which the first is the field `request`
-- Returns {'replayed', job id, fingerprint}, {'exists'}, {'full'}, {'busy'}, {'late', number of jobs before it} or
-- {'created', number of jobs before it or '' when it waits no more, field, value, ...}.
local plan = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- To the microsecond, so that those come first that came first.
local place = plan.band + time[1] * 1000 + time[2] / 1000

local function created()
  local before = redis.call('ZRANK', KEYS[3], plan.id)
  return {'created', before and tostring(before) or '', unpack(redis.call('HGETALL', KEYS[1]))}
end

local function refusal()
  -- Those of lower priority are not before it: whoever sends many of them keeps nobody else out.
  local before = redis.call('ZCOUNT', KEYS[3], '-inf', place)
  if before >= plan.max_queued then return {'full'} end
  if plan.max_active ~= cjson.null and redis.call('SCARD', KEYS[8]) >= plan.max_active then return {'busy'} end
  if plan.max_before ~= cjson.null and before > plan.max_before then return {'late', tostring(before)} end
end

-- A connection that was cut as the answer was on its way makes the caller ask again.
local present = redis.call('HGET', KEYS[1], 'request')
if present == ARGV[3] then return created() end
if present then return {'exists'} end
if KEYS[9] ~= '' then
  local job, fingerprint = unpack(redis.call('HMGET', KEYS[9], 'job', 'fingerprint'))
  if job then return {'replayed', job, fingerprint} end
end
local refused = refusal()
if refused then return refused end

-- First, so that there is no job if it is refused.
if plan.message ~= cjson.null then redis.call('LPUSH', KEYS[10], plan.message) end
redis.call('HSET', KEYS[1], 'status', 'queued', 'attempts', 0, 'created_at', now, 'queued_at', now, unpack(ARGV, 2))
local stage, queue = unpack(redis.call('HMGET', KEYS[1], 'stage', 'queue'))
redis.call('XADD', KEYS[2], '*', 'type', 'status', 'data', '{"status":"queued","stage":"' .. stage .. '"}')
redis.call('SADD', KEYS[6], queue)
redis.call('ZADD', KEYS[3], place, plan.id)
redis.call('ZREM', KEYS[5], plan.id)
redis.call('ZADD', KEYS[7], 0, plan.id)
redis.call('SADD', KEYS[8], plan.id)
if plan.deadline_ms ~= cjson.null then redis.call('ZADD', KEYS[4], now + plan.deadline_ms, plan.id) end
if KEYS[9] ~= '' then
  redis.call('HSET', KEYS[9], 'job', plan.id, 'fingerprint', plan.fingerprint)
  redis.call('PEXPIRE', KEYS[9], plan.keep_ms)
end
return created()
