-- BlackPony for Wireshark and tshark (spec/blackpony.md): the negotiation in SMTP, then records, and with a key log what they hold.
--
--   tshark -X lua_script:blackpony.lua -r capture.pcap -Y blackpony
--   tshark -X lua_script:blackpony.lua -o blackpony.keylog:keys.log -r capture.pcap -V
--   tshark -X lua_script:blackpony.lua -o tcp.reassemble_out_of_order:TRUE -r capture.pcap    where segments came out of order
--
-- or copy it and the folder beside it into the personal plugin folder (Help, About, Folders).
-- It stands before Wireshark's own SMTP dissector on the ports of its preference, and hands it all that is SMTP.

local blackpony = Proto("blackpony", "BlackPony (opportunistic SMTP encryption)")

-- Section 7.4.
local types = { [1] = "data", [2] = "finished", [3] = "ident", [4] = "rekey", [5] = "close", [6] = "alert" }

local f = {
    offer = ProtoField.string("blackpony.offer", "Offer"),
    command = ProtoField.string("blackpony.command", "Command"),
    version = ProtoField.string("blackpony.version", "Version"),
    suite = ProtoField.string("blackpony.suite", "Suite"),
    share = ProtoField.string("blackpony.share", "Share"),
    continuation = ProtoField.string("blackpony.continuation", "Continuation"),
    reply = ProtoField.string("blackpony.reply", "Reply"),
    code = ProtoField.uint16("blackpony.reply.code", "Code"),
    record = ProtoField.none("blackpony.record", "Record"),
    length = ProtoField.uint16("blackpony.record.length", "Length of protected"),
    inner = ProtoField.uint16("blackpony.record.inner", "Length of inner"),
    ciphertext = ProtoField.bytes("blackpony.record.ciphertext", "Ciphertext"),
    tag = ProtoField.bytes("blackpony.record.tag", "Tag"),
    number = ProtoField.uint32("blackpony.record.number", "Number in its direction"),
    type = ProtoField.uint8("blackpony.record.type", "Type", base.DEC, types),
    data = ProtoField.bytes("blackpony.record.data", "Data"),
    padding = ProtoField.uint16("blackpony.record.padding", "Length of padding"),
    alert = ProtoField.uint8("blackpony.alert", "Alert", base.DEC, { [1] = "something that was received failed" }),
    th = ProtoField.string("blackpony.th", "Transcript hash"),
    rot = ProtoField.uint8("blackpony.rot", "Shifted by"),
    text = ProtoField.string("blackpony.text", "Inside"),
}
local fields = {}
for _, field in pairs(f) do
    fields[#fields + 1] = field
end
blackpony.fields = fields

local e = {
    length = ProtoExpert.new("blackpony.record.length.bad", "A length that no record has (BP-7.1-2, BP-7.1-3)", expert.group.MALFORMED, expert.severity.ERROR),
    refused = ProtoExpert.new("blackpony.refused", "The upgrade was refused", expert.group.RESPONSE_CODE, expert.severity.NOTE),
    unverified = ProtoExpert.new("blackpony.record.unverified", "The record does not verify under the key log's secret (BP-8.3-1)", expert.group.SECURITY, expert.severity.ERROR),
    unassigned = ProtoExpert.new("blackpony.record.type.unassigned", "A type that is a failure (BP-7.1-5, BP-7.4-2)", expert.group.PROTOCOL, expert.severity.ERROR),
    alert = ProtoExpert.new("blackpony.alerted", "The sender gave up: something that it received failed (BP-8.3-1)", expert.group.RESPONSE_CODE, expert.severity.WARN),
    after = ProtoExpert.new("blackpony.after", "Octets after a close or an alert, which are not read (BP-8.1-4)", expert.group.SEQUENCE, expert.severity.WARN),
    rekey = ProtoExpert.new("blackpony.rekey", "New keys in this direction from here on", expert.group.SEQUENCE, expert.severity.CHAT),
    no_keys = ProtoExpert.new("blackpony.no_keys", "The key log has no secrets for this session", expert.group.DECRYPTION, expert.severity.NOTE),
    rot = ProtoExpert.new("blackpony.rot.plain", "ROT protects nothing (BP-5.5-10)", expert.group.SECURITY, expert.severity.WARN),
}
local experts = {}
for _, kind in pairs(e) do
    experts[#experts + 1] = kind
end
blackpony.experts = experts

blackpony.prefs.ports = Pref.range("TCP ports", "25,587", "Ports on which SMTP is spoken", 65535)
blackpony.prefs.keylog = Pref.string("Key log file", "", "What blackpony --keylog writes (Section 11.3)")

local folder = __DIR__ .. "/blackpony/"
local sha256 = dofile(folder .. "sha256.lua")
local opener = dofile(folder .. "opener.lua")(sha256, dofile(folder .. "chacha20_poly1305.lua"), dofile(folder .. "aes256_gcm.lua"), dofile(folder .. "blowfish.lua"))

-- Section 13 of the specification.
local limits = { inner = 16385, aead_tag = 16, hmac_tag = 32 }

local tcp_stream = Field.new("tcp.stream")
local streams, frames = {}, {}
local secrets, reported
local smtp

-- What is known of a connection, from the first pass on.
local function state_of(stream)
    local state = streams[stream]
    if state == nil then
        state = { commands = {}, replies = {}, continuations = {}, unfinished = {}, shares = {}, opened = {}, inside = {}, directions = { CLIENT = { count = 0 }, SERVER = { count = 0 } } }
        streams[stream] = state
    end
    return state
end

-- The connection of a frame. In its first pass tshark -2 has no fields unless it filters: there the addresses tell it, and a greeting that it is a new one.
local function connection_of(pinfo, tvb)
    local stream = tcp_stream()
    local key = stream and stream.value
    if key == nil then
        local from, to = tostring(pinfo.src) .. " " .. pinfo.src_port, tostring(pinfo.dst) .. " " .. pinfo.dst_port
        key = from < to and from .. " " .. to or to .. " " .. from
        if streams[key] and streams[key].switch and tvb:raw():match("^220[ -][\32-\126]*\r\n") then
            streams[key] = nil
        end
    end
    return state_of(key)
end

-- Each whole line of a range: its offset, its length with CRLF, its text without.
local function lines(range)
    local text = range:raw()
    local at = 1
    return function()
        local from, to = text:find("\r\n", at, true)
        if from == nil then
            return nil
        end
        local offset, line = at - 1, text:sub(at, from - 1)
        at = to + 1
        return offset, to - offset, line
    end
end

-- Where the last line begins, if it has not come whole.
local function unfinished(range)
    local text = range:raw()
    local at = 1
    while true do
        local _, to = text:find("\r\n", at, true)
        if to == nil then
            return at <= #text and at - 1 or nil
        end
        at = to + 1
    end
end

local function is_keyword(text)
    local head = text:sub(1, 10):upper()
    return head == "XBLACKPONY" and (#text == 10 or text:sub(11, 11) == " ")
end

-- Whether a line that has not come whole may still be ours.
local function may_be_keyword(text)
    local head = text:sub(1, 10):upper()
    return head == ("XBLACKPONY"):sub(1, #head)
end

local function rotate(text, n)
    return (text:gsub("%a", function(letter)
        local base = letter:byte() < 97 and 65 or 97
        return string.char(base + (letter:byte() - base + n) % 26)
    end))
end

-- Section 6.1.
local function hashed(line)
    return string.char(math.floor(#line / 256), #line % 256) .. line
end

-- First pass over the client's plaintext.
local function follow_client(state, range, number)
    for offset, _, line in lines(range) do
        if state.content then
            state.content = line ~= "."
        elseif state.waiting == "continuation" then
            state.waiting = "reply"
            state.transcript = state.transcript .. hashed(line)
        elseif is_keyword(line) then
            state.commands[number] = offset
            local suite, share = line:match("^%S+ %S+ (%S+) (%S+)")
            state.suite = suite and suite:upper() or nil
            state.shift = state.suite == "ROT" and tonumber(share) or nil
            state.waiting = "reply"
            -- What was refused with 504 since the offer comes before the command (BP-6.1-6).
            state.before = state.before or "BLACKPONY V1" .. hashed(state.offer or "")
            state.transcript = state.before .. hashed(line)
        end
    end
end

-- First pass over the server's plaintext; finds where records begin.
local function follow_server(state, range, number)
    for offset, length, line in lines(range) do
        if state.waiting == "reply" then
            state.replies[number] = true
            state.share = (state.share or "") .. (line:match("^%d%d%d.K=(.*)") or "")
            state.transcript = state.transcript .. hashed(line)
            if line:match("^%d%d%d ") or line:match("^%d%d%d$") then
                local code = tonumber(line:sub(1, 3))
                state.shares[number], state.share = state.share, nil
                state.waiting = code == 334 and "continuation" or nil
                if code == 504 then
                    state.before = state.transcript
                end
                if code == 220 then
                    state.switch, state.cut = number, offset + length
                    state.th = sha256.hash(state.transcript):gsub(".", function(c) return string.format("%02x", c:byte()) end)
                    for sender, direction in pairs(state.directions) do
                        direction.keys = opener.direction(secrets, state.suite, sender, state.th)
                        state.no_keys = state.no_keys or secrets ~= nil and direction.keys == nil
                    end
                    return
                end
            end
        elseif line:match("^354") then
            state.content = true
        elseif state.in_reply and is_keyword(line:sub(5)) and line:match("^250") then
            state.offer_here = state.offer_here or line:sub(5)
        end
        -- The first line of a reply is no offer (BP-4.1-16), and the first offer in one counts (BP-4.1-11).
        state.in_reply = line:match("^250%-") ~= nil
        if line:match("^250 ") then
            state.offer, state.offer_here, state.before = state.offer_here or state.offer, nil, nil
        end
    end
end

local function show_info(pinfo, text)
    pinfo.cols.protocol = "BlackPony"
    pinfo.cols.info = text
end

-- What one side says in plaintext and is ours; true if all of it is.
local function show_client(state, range, tree, pinfo)
    local ours = false
    for offset, length, line in lines(range) do
        if state.commands[pinfo.number] == offset then
            local item = tree:add(blackpony, range(offset, length), "BlackPony, command")
            item:add(f.command, range(offset, length - 2), line)
            local version, suite, share = line:match("^%S+ (%S+) (%S+) (%S+)")
            if version then
                local at = offset + 11
                item:add(f.version, range(at, #version), version)
                item:add(f.suite, range(at + #version + 1, #suite), suite)
                item:add(f.share, range(at + #version + #suite + 2, #share), share)
            end
            ours = offset == 0
            if ours then
                show_info(pinfo, string.format("C: XBLACKPONY %s %s", version or "", suite or ""))
            end
        elseif state.continuations[pinfo.number] and (line == "*" or line:match("^[%w+/=]+$")) then
            tree:add(blackpony, range(offset, length), "BlackPony, continuation"):add(f.continuation, range(offset, length - 2), line)
            ours = true
            show_info(pinfo, line == "*" and "C: *" or "C: continuation")
        end
    end
    return ours
end

local function show_server(state, range, tree, pinfo)
    local number, ours = pinfo.number, false
    for offset, length, line in lines(range) do
        local text = line:sub(5)
        if line:sub(1, 3) == "250" and is_keyword(text) then
            local item = tree:add(blackpony, range(offset, length), "BlackPony, offer")
            item:add(f.offer, range(offset + 4, #text), text)
            for token in text:sub(11):gmatch("%S+") do
                if token:match("^[vV]%d+$") then
                    item:add(f.version, range(offset, length), token)
                elseif not token:match("^G%-%x%x%x%x$") then
                    item:add(f.suite, range(offset, length), token)
                end
            end
        elseif state.replies[number] and line:match("^%d%d%d") then
            local item = tree:add(blackpony, range(offset, length), "BlackPony, reply")
            item:add(f.code, range(offset, 3), tonumber(line:sub(1, 3)))
            item:add(f.reply, range(offset, length - 2), line)
            ours = ours or offset == 0
            if ours then
                show_info(pinfo, text:match("^K=") and string.format("S: %s K=", line:sub(1, 3)) or "S: " .. line)
            end
            if text:sub(1, 2) == "K=" and line:sub(4, 4) == " " then
                item:add(f.share, range(offset, length - 2), state.shares[number] or text:sub(3))
            end
            if line:match("^[45]") then
                item:add_proto_expert_info(e.refused)
            elseif line:match("^220 ") and state.suite ~= "ROT" then
                item:add(f.th, state.th):set_generated()
                if state.no_keys then
                    item:add_proto_expert_info(e.no_keys)
                end
            end
        end
    end
    return ours
end

-- Opens the next record of a direction, once: the first pass sees them in order, later ones look it up.
local function opened(state, direction, range, tag, number)
    -- A tag does not come twice.
    local key = number .. ":" .. range(range:len() - tag, tag):raw()
    local record = state.opened[key]
    if record == nil then
        record = { number = direction.count }
        direction.count = direction.count + 1
        state.opened[key] = record
        record.after = direction.over
        local inner
        if direction.keys and not direction.over then
            inner = opener.open(direction.keys, range(0, 2):raw(), range(2, range:len() - 2 - tag):raw(), range(range:len() - tag, tag):raw())
        end
        if direction.keys and inner == nil and not direction.over then
            -- Nor does anything behind it.
            record.failed, direction.keys = true, nil
        elseif inner then
            -- The type is the last octet that is not zero (BP-7.1-4).
            local last = #inner
            while last > 0 and inner:byte(last) == 0 do
                last = last - 1
            end
            record.inner, record.padding = inner, #inner - last
            record.type = inner:byte(last) or 0
            record.data = inner:sub(1, math.max(0, last - 1))
            if record.type == 4 then
                opener.rekey(direction.keys)
            end
            direction.over = record.type == 5 or record.type == 6
        end
    end
    return record
end

local function show_record(record, item)
    item:add(f.number, record.number):set_generated()
    if record.failed then
        item:add_proto_expert_info(e.unverified)
    elseif record.after then
        item:add_proto_expert_info(e.after)
    end
    if record.inner == nil then
        return record.number == 0 and "sealed (by its place finished)" or "sealed"
    end
    local inner = ByteArray.new(record.inner, true):tvb("BlackPony, opened")
    local name = types[record.type] or record.type >= 128 and "ignored" or "unassigned"
    item:add(f.type, inner(#record.data, record.type == 0 and 0 or 1), record.type)
    if #record.data > 0 then
        item:add(f.data, inner(0, #record.data))
    end
    item:add(f.padding, record.padding):set_generated()
    if name == "unassigned" then
        item:add_proto_expert_info(e.unassigned)
    elseif name == "rekey" then
        item:add_proto_expert_info(e.rekey)
    elseif name == "alert" then
        item:add_proto_expert_info(e.alert)
        if #record.data > 0 then
            item:add(f.alert, inner(0, 1))
        end
    end
    return #record.data > 0 and name == "data" and string.format("data, %d octets", #record.data) or name
end

-- What a direction says inside: whole lines as text, and for Wireshark's own SMTP dissector.
local function show_inside(state, direction, key, data, pinfo, tree)
    local lines_here = state.inside[key]
    if lines_here == nil then
        local text = (direction.rest or "") .. data
        local last = text:match(".*\r\n()") or 1
        lines_here, direction.rest = text:sub(1, last - 1), text:sub(last)
        state.inside[key] = lines_here
    end
    if lines_here == "" then
        return nil
    end
    local inside = ByteArray.new(lines_here, true):tvb("SMTP, inside")
    local item = tree:add(blackpony, inside(), "BlackPony, inside")
    for offset, length, line in lines(inside()) do
        item:add(f.text, inside(offset, length - 2), line)
    end
    if smtp then
        local can = pinfo.can_desegment
        pinfo.can_desegment = 0
        smtp:call(inside, pinfo, tree)
        pinfo.can_desegment = can
    end
    return lines_here:match("^[^\r\n]*")
end

-- Records (Section 7.1). Asks for more where one has not come whole.
local function records(state, direction, tvb, pinfo, tree)
    local tag = state.suite == "RSA-BLOWFISH" and limits.hmac_tag or limits.aead_tag
    local at, what, data, key = 0, {}, {}, nil
    while at < tvb:len() do
        local rest = tvb:len() - at
        local length = rest >= 2 and tvb(at, 2):uint() or nil
        if length and (length > limits.inner + tag or length < 1 + tag) then
            local item = tree:add(blackpony, tvb(at), "BlackPony, not a record")
            item:add(f.length, tvb(at, 2))
            item:add_proto_expert_info(direction.over and e.after or e.length)
            break
        end
        if length == nil or rest < 2 + length then
            pinfo.desegment_offset = at
            pinfo.desegment_len = length and 2 + length - rest or DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        local range = tvb(at, 2 + length)
        local item = tree:add(blackpony, range, "")
        item:add(f.record, range)
        item:add(f.length, tvb(at, 2))
        item:add(f.inner, tvb(at, 2), length - tag)
        item:add(f.ciphertext, tvb(at + 2, length - tag))
        item:add(f.tag, tvb(at + 2 + length - tag, tag))
        local record = opened(state, direction, range, tag, pinfo.number)
        local name = show_record(record, item)
        item:set_text(string.format("BlackPony, record, %s, %d octets", name, length))
        what[#what + 1] = name
        if record.type == 1 then
            data[#data + 1] = record.data
            key = key or pinfo.number .. ":" .. record.number
        end
        at = at + 2 + length
    end
    local said = key and show_inside(state, direction, key, table.concat(data), pinfo, tree)
    show_info(pinfo, state.suite .. ": " .. (#what == 0 and "part of a record" or table.concat(what, "; ") .. (said and ": " .. said or "")))
end

local function rot(state, direction, tvb, pinfo, tree)
    local item = tree:add(blackpony, tvb(), "BlackPony, ROT")
    item:add(f.rot, tvb(0, 0), state.shift)
    item:add_proto_expert_info(e.rot)
    local said = show_inside(state, direction, pinfo.number .. ":" .. tvb:len(), rotate(tvb():raw(), 26 - state.shift), pinfo, tree)
    show_info(pinfo, "ROT" .. (said and ": " .. said or ""))
end

local function inside(state, tvb, pinfo, tree)
    local direction = state.directions[pinfo.src_port == state.server_port and "SERVER" or "CLIENT"]
    if state.suite == "ROT" then
        rot(state, direction, tvb, pinfo, tree)
    else
        records(state, direction, tvb, pinfo, tree)
    end
end

function blackpony.dissector(tvb, pinfo, tree)
    if tvb:len() == 0 then
        return 0
    end
    local number = pinfo.number
    local state = frames[number] or connection_of(pinfo, tvb)
    frames[number] = state
    if state.switch and number > state.switch then
        inside(state, tvb, pinfo, tree)
        return tvb:len()
    end
    if state.server_port == nil then
        state.server_port = blackpony_port(pinfo.dst_port) and pinfo.dst_port or pinfo.src_port
    end
    local from_server = pinfo.src_port == state.server_port
    if not pinfo.visited then
        -- Lines of ours may be longer than a segment; Wireshark's own SMTP does not wait for so long a one.
        local start = unfinished(tvb())
        local ours = state.waiting == (from_server and "reply" or "continuation")
        if start and (ours or not state.content and may_be_keyword(tvb(start):raw():sub(from_server and 5 or 1))) then
            state.unfinished[number] = start
        end
        if from_server then
            follow_server(state, tvb(), number)
        else
            state.continuations[number] = state.waiting == "continuation" or nil
            follow_client(state, tvb(), number)
        end
    end
    local plain = tvb
    local start = state.unfinished[number]
    if start and start < tvb:len() and state.switch ~= number then
        if start > 0 then
            plain = tvb(0, start):tvb()
        end
        pinfo.desegment_offset = start
        pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
        if start == 0 then
            return tvb:len()
        end
    elseif state.switch == number and from_server and state.cut < tvb:len() then
        plain = tvb(0, state.cut):tvb()
    end
    local ours
    if from_server then
        ours = show_server(state, plain(), tree, pinfo)
    else
        ours = show_client(state, plain(), tree, pinfo)
    end
    if smtp and not ours then
        smtp:call(plain, pinfo, tree)
        if start and start < tvb:len() and state.switch ~= number then
            pinfo.desegment_offset = start
            pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
        end
    end
    if from_server and state.switch == number and state.cut < tvb:len() then
        local rest = tvb(state.cut):tvb()
        inside(state, rest, pinfo, tree)
        if pinfo.desegment_len and pinfo.desegment_len > 0 then
            pinfo.desegment_offset = pinfo.desegment_offset + state.cut
        end
    end
    return tvb:len()
end

local taken = {}

-- "25,587,2000-2010"
local function ports_of(text)
    local ports = {}
    for part in tostring(text):gmatch("[^,]+") do
        local low, high = part:match("^%s*(%d+)%-(%d+)%s*$")
        low = tonumber(low or part)
        high = tonumber(high) or low
        for port = low or 1, high or 0 do
            ports[port] = true
        end
    end
    return ports
end

function blackpony_port(port)
    return taken[port] == true
end

local function take_ports()
    local tcp_ports = DissectorTable.get("tcp.port")
    for port in pairs(taken) do
        tcp_ports:remove(port, blackpony)
        if smtp then
            tcp_ports:add(port, smtp)
        end
    end
    taken = ports_of(blackpony.prefs.ports)
    for port in pairs(taken) do
        tcp_ports:add(port, blackpony)
    end
end

local function read_key_log()
    local path = blackpony.prefs.keylog
    secrets = path ~= "" and opener.read(path) or nil
    if path ~= "" and secrets == nil and reported ~= path then
        reported = path
        report_failure("BlackPony: the key log " .. path .. " cannot be read.")
    end
end

function blackpony.init()
    streams, frames = {}, {}
    read_key_log()
    smtp = smtp or Dissector.get("smtp")
    if next(taken) == nil then
        take_ports()
    end
end

function blackpony.prefs_changed()
    take_ports()
end

take_ports()
