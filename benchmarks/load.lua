-- Sends the lines of a file in turn as bodies of POST requests, over and over:
--   wrk -s load.lua URL -- FILE [varied]
-- "varied" adds headers to each request as a proxy does: its own id, and the address of a caller.
local heads, bodies, turn, count, varied = {}, {}, 0, 0, false
local run = os.time() % 100000000

function init(args)
  wrk.headers["content-type"] = "application/json"
  wrk.headers["accept"] = "application/json"
  varied = args[2] == "varied"
  for line in io.lines(args[1]) do
    local text = wrk.format("POST", nil, nil, line)
    local head_end = text:find("\r\n\r\n", 1, true) + 1
    heads[#heads + 1] = text:sub(1, head_end)
    bodies[#bodies + 1] = varied and text:sub(head_end + 1) or text
  end
end

function request()
  turn = turn % #bodies + 1
  if not varied then return bodies[turn] end
  count = count + 1
  return heads[turn]
    .. string.format("X-Request-Id: %016x%016x\r\n", run, count)
    .. string.format("X-Forwarded-For: 198.18.%d.%d\r\n", count / 250 % 250, 1 + count % 250)
    .. bodies[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"took_s":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
