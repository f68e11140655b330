-- Moves a job from one status to another: record, events and indexes change together or not at all.
-- KEYS  1 record  2 events  3 jobs:running  4 jobs:ended  5 jobs:deadlines  6 jobs:queues
-- ARGV  1 job id  2 a JSON object:
--   sources   list of the statuses that it may leave
--   to        its new status
--   token     null, or the lease token that the caller must hold
--   lapsed    true: only if its lease has ended
--   attempts  what to add to its number of attempts
--   lease_ms, retention_ms, band_ms  length of a lease, of its keeping once ended, of one priority in a queue
--   fields    record fields to write
--   queues    list of the queues that the job may be in, or an empty one for any
--   events    list of {type, data} to append before that of the new status
--   receipted true: the present stage has done what it was to do
-- Returns {'moved', field, value, ...}, or why not: {'missing'}, {'status'}, {'queue'}, {'token'}, {'lapsed'}, {'late'}.
local id, move = ARGV[1], cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local status, token, queue, stage, rank, preview, owner, told = unpack(
  redis.call('HMGET', KEYS[1], 'status', 'token', 'queue', 'stage', 'rank', 'preview', 'owner', 'told'))
-- How much of what was measured of a queue still counts once there is one more.
local DECAY = 0.98
-- Records outlive their time by this, so that who sweeps them can read them.
local GRACE_MS = 3600000
-- Whether the first stage of the job starts.
local begins = false

local function includes(list, value)
  for _, one in ipairs(list) do
    if one == value then return true end
  end
  return false
end

local function refusal()
  if not status then return 'missing' end
  if not includes(move.sources, status) then return 'status' end
  if #move.queues > 0 and not includes(move.queues, queue) then return 'queue' end
  if move.token ~= cjson.null and move.token ~= token then return 'token' end
  if move.lapsed and tonumber(redis.call('ZSCORE', KEYS[3], id)) > now then return 'lapsed' end
  local deadline = move.to == 'running' and redis.call('ZSCORE', KEYS[5], id)
  if deadline and tonumber(deadline) <= now then return 'late' end
end

local function leave()
  if queue then redis.call('ZREM', 'jobs:queued:' .. queue, id) end
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[5], id)
  if queue then redis.call('SREM', 'jobs:running:' .. queue, id) end
  if preview then redis.call('XDEL', KEYS[2], preview) end
end

-- Adds a measured time to the decaying sums of a queue: `name`_ms over `name`_count is their mean.
local function measure(name, ms)
  -- A clock that was set back tells nothing.
  if ms < 0 then return end
  local key = 'jobs:rates:' .. queue
  local sum, count = unpack(redis.call('HMGET', key, name .. '_ms', name .. '_count'))
  redis.call('HSET', key, name .. '_ms', (sum or 0) * DECAY + ms, name .. '_count', (count or 0) * DECAY + 1)
end

-- The longest time between two starts that is no outage: a place becomes free within about the time of a stage.
local function longest()
  local sum, count = unpack(redis.call('HMGET', 'jobs:rates:' .. queue, 'stage_ms', 'stage_count'))
  return sum and count and 3 * sum / count or math.huge
end

-- The time between two starts tells how fast a queue is served if the job of the second was waiting at the first,
-- and not for a place that was free: more jobs run than have since the last one that did not have to wait.
local function measure_start()
  local key = 'jobs:rates:' .. queue
  local queued_at = tonumber(redis.call('HGET', KEYS[1], 'queued_at'))
  local last, most = unpack(redis.call('HMGET', key, 'started_at', 'most_running'))
  local running = redis.call('SCARD', 'jobs:running:' .. queue) + 1
  -- Both are in whole milliseconds.
  local waited = last and queued_at <= tonumber(last)
  if waited and running <= tonumber(most or 0) then
    measure('interval', math.min(now - last, longest()))
  else
    most = running
  end
  redis.call('HSET', key, 'started_at', now, 'most_running', most)
end

local function measure_stage()
  local began = tonumber(redis.call('HGET', KEYS[1], 'stage_started_at'))
  if began then measure('stage', now - began) end
end

local enter = {}

function enter.queued()
  redis.call('HDEL', KEYS[1], 'stage_started_at', 'worker', 'token', 'preview')
  -- A job has started when its first stage has, and what is done of it stays done.
  local later = move.fields.stage_index or redis.call('HGET', KEYS[1], 'stage_index')
  if not later then redis.call('HDEL', KEYS[1], 'started_at', 'progress') end
  redis.call('HSET', KEYS[1], 'queued_at', now)
  -- The next stage of a job is in another queue.
  queue, stage = move.fields.queue or queue, move.fields.stage or stage
  redis.call('SADD', KEYS[6], queue)
  redis.call('ZADD', 'jobs:queued:' .. queue, rank * move.band_ms + now, id)
end

function enter.running()
  begins = redis.call('HSETNX', KEYS[1], 'started_at', now) == 1
  measure_start()
  redis.call('HSET', KEYS[1], 'stage_started_at', now)
  redis.call('ZADD', KEYS[3], now + move.lease_ms, id)
  redis.call('SADD', 'jobs:running:' .. queue, id)
end

function enter.ended()
  redis.call('HDEL', KEYS[1], 'token', 'preview')
  redis.call('HSET', KEYS[1], 'ended_at', now, 'expires_at', now + move.retention_ms)
  redis.call('ZADD', KEYS[4], now + move.retention_ms, id)
  if owner then redis.call('SREM', 'jobs:active:' .. owner, id) end
end

local reason = refusal()
if reason == 'missing' then leave() end
if reason then return {reason} end

-- What failed or was canceled says little about how long it takes.
if move.receipted then measure_stage() end
leave();
(enter[move.to] or enter.ended)()
redis.call('HSET', KEYS[1], 'status', move.to)
redis.call('HINCRBY', KEYS[1], 'attempts', move.attempts)
for field, value in pairs(move.fields) do redis.call('HSET', KEYS[1], field, value) end
for _, event in ipairs(move.events) do redis.call('XADD', KEYS[2], '*', 'type', event[1], 'data', event[2]) end
local error = move.fields.error and ',"error":' .. move.fields.error or ''
local moved = string.format('{"status":"%s","stage":"%s"%s}', move.to, stage or '', error)
redis.call('XADD', KEYS[2], '*', 'type', 'status', 'data', moved)
if not enter[move.to] then
  redis.call('PEXPIRE', KEYS[1], move.retention_ms + GRACE_MS)
  redis.call('PEXPIRE', KEYS[2], move.retention_ms + GRACE_MS)
end
-- That a job runs is told once, not of each of its stages.
local is_news = begins or move.to ~= 'running'
if is_news and told and string.find(told, ' ' .. move.to .. ' ', 1, true) then
  redis.call('ZADD', 'webhooks:due', now, id .. ' ' .. move.to)
end
redis.call('PUBLISH', KEYS[2], '')
if move.to == 'canceled' then redis.call('PUBLISH', 'jobs:canceled', id) end
return {'moved', unpack(redis.call('HGETALL', KEYS[1]))}
