-- Opens records with the secrets of a key log (Sections 6.2, 7 and 11.3).

return function(sha256, chacha20_poly1305, aes256_gcm, blowfish)
    local expand_label = sha256.expand_label

    local function from_hex(text)
        return (text:gsub("..", function(digits) return string.char(tonumber(digits, 16)) end))
    end

    local function uint64(number)
        local result = {}
        for i = 8, 1, -1 do
            result[i] = string.char(number % 256)
            number = math.floor(number / 256)
        end
        return table.concat(result)
    end

    local function aead(cipher)
        return function(secret)
            local key, iv = cipher.prepare(expand_label(secret, "key", 32)), expand_label(secret, "iv", 12)
            return function(sequence, header, ciphertext, tag)
                local number = "\0\0\0\0" .. uint64(sequence)
                local nonce = {}
                for i = 1, 12 do
                    nonce[i] = string.char(bit.bxor(iv:byte(i), number:byte(i)))
                end
                return cipher.open(key, table.concat(nonce), header, ciphertext, tag)
            end
        end
    end

    local function encrypt_then_mac(secret)
        local key, mac_key = blowfish.prepare(expand_label(secret, "key", 32)), expand_label(secret, "mac", 32)
        return function(sequence, header, ciphertext, tag)
            if sha256.hmac(mac_key, uint64(sequence) .. header .. ciphertext) ~= tag then
                return nil
            end
            return blowfish.crypt(key, sequence, ciphertext)
        end
    end

    local protections = {
        ["X25519-CHACHA20POLY1305"] = aead(chacha20_poly1305),
        ["X25519MLKEM768-CHACHA20POLY1305"] = aead(chacha20_poly1305),
        ["X25519MLKEM768-AES256GCM"] = aead(aes256_gcm),
        ["RSA-BLOWFISH"] = encrypt_then_mac,
    }

    -- The secrets of a key log file by label and transcript hash, in lower case hexadecimal; nil if it cannot be read.
    local function read(path)
        local file = io.open(path, "r")
        if file == nil then
            return nil
        end
        local secrets = {}
        for line in file:lines() do
            local label, th, secret = line:match("^(BLACKPONY_%u+_TRAFFIC_SECRET_0) (%x+) (%x+)%s*$")
            if label and #th == 64 and #secret == 64 then
                secrets[label .. th:lower()] = from_hex(secret)
            end
        end
        file:close()
        return secrets
    end

    -- One direction; nil if the key log lacks it. Its records go through it in order.
    local function direction(secrets, suite, sender, th)
        local secret = secrets and secrets["BLACKPONY_" .. sender .. "_TRAFFIC_SECRET_0" .. th]
        local protection = protections[suite]
        if secret == nil or protection == nil then
            return nil
        end
        return { secret = secret, protection = protection, open = protection(secret), sequence = 0 }
    end

    -- The next record of a direction: its inner, or nil if it does not verify.
    local function open(direction, header, ciphertext, tag)
        direction.sequence = direction.sequence + 1
        return direction.open(direction.sequence - 1, header, ciphertext, tag)
    end

    -- What follows a rekey record.
    local function rekey(direction)
        direction.secret = expand_label(direction.secret, "upd", 32)
        direction.open, direction.sequence = direction.protection(direction.secret), 0
    end

    return { read = read, direction = direction, open = open, rekey = rekey }
end
