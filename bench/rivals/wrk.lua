-- wrk with the requests of a file, for one measurement of what wrk itself costs:
-- the file's first line is the number of octets of each request.

local requests, n = {}, 0

function init(args)
    local file = io.open(args[1], "rb")

    for size in file:lines() do
        requests[#requests + 1] = file:read(tonumber(size))
        file:read(1)
    end
    file:close()
end

function request()
    n = n % #requests + 1
    return requests[n]
end
