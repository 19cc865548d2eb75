-- BlackPony for Wireshark and tshark (spec/blackpony.md): the negotiation in SMTP, then records.
--
--   tshark -X lua_script:blackpony.lua -r capture.pcap -Y blackpony
--
-- or copy it into the personal plugin folder (Help, About, Folders).
-- It stands before Wireshark's own SMTP dissector on the ports of its preference, and hands it all that is SMTP.

local blackpony = Proto("blackpony", "BlackPony (opportunistic SMTP encryption)")

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
    rot = ProtoField.uint8("blackpony.rot", "Shifted by"),
    text = ProtoField.string("blackpony.text", "Shifted back"),
}
blackpony.fields = { f.offer, f.command, f.version, f.suite, f.share, f.continuation, f.reply, f.code, f.record, f.length, f.inner, f.ciphertext, f.tag, f.rot, f.text }

local e = {
    length = ProtoExpert.new("blackpony.record.length.bad", "A length that no record has (BP-7.1-2, BP-7.1-3)", expert.group.MALFORMED, expert.severity.ERROR),
    refused = ProtoExpert.new("blackpony.refused", "The upgrade was refused", expert.group.RESPONSE_CODE, expert.severity.NOTE),
    rot = ProtoExpert.new("blackpony.rot.plain", "ROT protects nothing (BP-5.5-10)", expert.group.SECURITY, expert.severity.WARN),
}
blackpony.experts = { e.length, e.refused, e.rot }

blackpony.prefs.ports = Pref.range("TCP ports", "25,587", "Ports on which SMTP is spoken", 65535)

-- Section 13 of the specification.
local limits = { inner = 16385, aead_tag = 16, hmac_tag = 32 }

local tcp_stream = Field.new("tcp.stream")
local streams = {}
local smtp

-- What is known of a connection, from the first pass on.
local function state_of(stream)
    local state = streams[stream]
    if state == nil then
        state = { replies = {}, continuations = {}, unfinished = {}, shares = {} }
        streams[stream] = state
    end
    return state
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

local function rotate(text, n)
    return (text:gsub("%a", function(letter)
        local base = letter:byte() < 97 and 65 or 97
        return string.char(base + (letter:byte() - base + n) % 26)
    end))
end

-- First pass over the client's plaintext.
local function follow_client(state, range)
    for _, _, line in lines(range) do
        if state.waiting == "continuation" then
            state.waiting = "reply"
        elseif is_keyword(line) then
            local suite, share = line:match("^%S+ %S+ (%S+) (%S+)")
            state.suite = suite and suite:upper() or nil
            state.shift = state.suite == "ROT" and tonumber(share) or nil
            state.waiting = "reply"
        end
    end
end

-- First pass over the server's plaintext; finds where records begin.
local function follow_server(state, range, number)
    for offset, length, line in lines(range) do
        if state.waiting == "reply" then
            state.replies[number] = true
            state.share = (state.share or "") .. (line:match("^%d%d%d.K=(.*)") or "")
            if line:match("^%d%d%d ") or line:match("^%d%d%d$") then
                local code = tonumber(line:sub(1, 3))
                state.shares[number], state.share = state.share, nil
                state.waiting = code == 334 and "continuation" or nil
                if code == 220 then
                    state.switch, state.cut = number, offset + length
                    return
                end
            end
        end
    end
end

local function show_client(state, range, tree, number)
    for offset, length, line in lines(range) do
        if is_keyword(line) then
            local item = tree:add(blackpony, range(offset, length), "BlackPony, command")
            item:add(f.command, range(offset, length - 2), line)
            local version, suite, share = line:match("^%S+ (%S+) (%S+) (%S+)")
            if version then
                local at = offset + 11
                item:add(f.version, range(at, #version), version)
                item:add(f.suite, range(at + #version + 1, #suite), suite)
                item:add(f.share, range(at + #version + #suite + 2, #share), share)
            end
        elseif state.continuations[number] and (line == "*" or line:match("^[%w+/=]+$")) then
            tree:add(blackpony, range(offset, length), "BlackPony, continuation"):add(f.continuation, range(offset, length - 2), line)
        end
    end
end

local function show_server(state, range, tree, number)
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
            if text:sub(1, 2) == "K=" and line:sub(4, 4) == " " then
                item:add(f.share, range(offset, length - 2), state.shares[number] or text:sub(3))
            end
            if line:match("^[45]") then
                item:add_proto_expert_info(e.refused)
            end
        end
    end
end

-- Records (Section 7.1). Asks for more where one has not come whole.
local function records(state, tvb, pinfo, tree)
    local tag = state.suite == "RSA-BLOWFISH" and limits.hmac_tag or limits.aead_tag
    local at, count = 0, 0
    while at < tvb:len() do
        local rest = tvb:len() - at
        local length = rest >= 2 and tvb(at, 2):uint() or nil
        if length and (length > limits.inner + tag or length < 1 + tag) then
            local item = tree:add(blackpony, tvb(at), "BlackPony, no record")
            item:add(f.length, tvb(at, 2))
            item:add_proto_expert_info(e.length)
            break
        end
        if length == nil or rest < 2 + length then
            pinfo.desegment_offset = at
            pinfo.desegment_len = length and 2 + length - rest or DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        local item = tree:add(blackpony, tvb(at, 2 + length), string.format("BlackPony, record, %d octets", length))
        item:add(f.record, tvb(at, 2 + length))
        item:add(f.length, tvb(at, 2))
        item:add(f.inner, tvb(at, 2), length - tag)
        item:add(f.ciphertext, tvb(at + 2, length - tag))
        item:add(f.tag, tvb(at + 2 + length - tag, tag))
        at = at + 2 + length
        count = count + 1
    end
    pinfo.cols.protocol = "BlackPony"
    if count > 0 then
        pinfo.cols.info = string.format("%s, %d record%s", state.suite, count, count == 1 and "" or "s")
    end
end

local function rot(state, tvb, pinfo, tree)
    local item = tree:add(blackpony, tvb(), "BlackPony, ROT")
    item:add(f.rot, tvb(0, 0), state.shift)
    item:add_proto_expert_info(e.rot)
    for offset, length, line in lines(tvb()) do
        item:add(f.text, tvb(offset, length - 2), rotate(line, 26 - state.shift))
    end
    pinfo.cols.protocol = "BlackPony"
    pinfo.cols.info = "ROT: " .. rotate((tvb():raw():match("^[^\r\n]*")), 26 - state.shift)
end

local function inside(state, tvb, pinfo, tree)
    if state.suite == "ROT" then
        rot(state, tvb, pinfo, tree)
    else
        records(state, tvb, pinfo, tree)
    end
end

function blackpony.dissector(tvb, pinfo, tree)
    local stream = tcp_stream()
    if stream == nil or tvb:len() == 0 then
        return 0
    end
    local state = state_of(stream.value)
    local number = pinfo.number
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
        if start and (from_server and state.waiting == "reply" or not from_server and (state.waiting == "continuation" or is_keyword(tvb(start):raw()))) then
            state.unfinished[number] = start
        end
        if from_server then
            follow_server(state, tvb(), number)
        else
            state.continuations[number] = state.waiting == "continuation" or nil
            follow_client(state, tvb())
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
    if smtp then
        smtp:call(plain, pinfo, tree)
        if start and start < tvb:len() and state.switch ~= number then
            pinfo.desegment_offset = start
            pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
        end
    end
    if from_server then
        show_server(state, plain(), tree, number)
    else
        show_client(state, plain(), tree, number)
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

function blackpony.init()
    streams = {}
    smtp = smtp or Dissector.get("smtp")
    if next(taken) == nil then
        take_ports()
    end
end

function blackpony.prefs_changed()
    take_ports()
end

take_ports()
