using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Traces.Sessions;

/// <content>The reply that agrees to an upgrade.</content>
internal sealed partial class ObservedNegotiation
{
    private Layer? Agree(int code, Reply? reply, out bool more)
    {
        more = false;
        if (_cut && (_suite is null || _suite.Encrypts || _parsed is null))
            return AgreeUnseen(code, out more);

        if (_inTransaction)
            session.Deviates("BP-4.4-5", Role.Server, "The server accepts XBLACKPONY in a mail transaction.");

        if (!_ehlo && session.OpeningSeen)
            session.Deviates("BP-4.4-6", Role.Server, "The server accepts XBLACKPONY without a preceding EHLO.");

        if (_parsed is null || _suite is null)
        {
            session.Deviates("BP-4.4-1", Role.Server, "The server accepts a command that is malformed, or has an unknown suite.");
            Break("The upgrade cannot be followed.");
            return null;
        }

        if (!_suite.Encrypts)
            return AgreeRot(code, reply);

        var text = reply is null ? null : KeyReply.Read(reply);
        if (text is null)
        {
            session.Deviates("BP-4.3-2", Role.Server, $"The {code} reply is malformed.");
            Break("The client cannot read the server's share.");
            return null;
        }

        CheckFragments(reply!);
        if (!Base64Share.TryDecode(text, out var share))
            session.Deviates("BP-5.1-6", Role.Server, "The server's share is not canonical base64.");
        else if (share.Length != ShareLength(Role.Server))
            session.Deviates("BP-5.1-8", Role.Server, $"The server's share has {share.Length} octets.");

        if (!_continued)
            _lines.Add(_command);

        _lines.AddRange(reply!.Lines);
        bool continues = _suite.NeedsContinuation && !_continued;
        if ((code == 334) != continues)
        {
            session.Deviates("BP-4.3-6", Role.Server, $"The reply {code} in {_suite.Name}{(_continued ? " to the continuation" : "")}.");
            Break("The reply does not fit the suite.");
            return null;
        }

        if (code == 334)
        {
            (more, _continued) = (true, true);
            return null;
        }

        (_report.Upgrade, _report.Suite) = (UpgradeKind.BlackPony, _suite.Name);
        Hash(_lines);
        var th = _transcript!.Finish();
        session.Recorder?.Comment($"th {Convert.ToHexStringLower(th)}");
        return new RecordLayer(session, _suite, th);
    }

    private void Hash(IEnumerable<byte[]> lines)
    {
        if (_transcript is null)
        {
            _transcript = new TranscriptHash();
            _transcript.Add(_offerLine ?? []);
        }

        foreach (var line in lines)
            _transcript.Add(line);
    }

    // The shares were not captured whole: nothing can be held against them, and no records opened.
    private RecordLayer? AgreeUnseen(int code, out bool more)
    {
        more = code == 334;
        if (more)
            return null;

        (_report.Upgrade, _report.Suite) = (UpgradeKind.BlackPony, _suite?.Name);
        return new RecordLayer(session, _suite ?? SuiteRegistry.Default[0], []);
    }

    // Spec 5.2 to 5.4.
    private int ShareLength(Role sender) => _suite switch
    {
        X25519ChaCha20Poly1305 => 32,
        RsaBlowfish => sender == Role.Server && _continued ? 384 : 416,
        _ => sender == Role.Client ? 1216 : 1120,
    };

    private RotLayer? AgreeRot(int code, Reply? reply)
    {
        if (code != 220 || reply is { Lines.Count: > 1 } || (reply is not null && reply.Text(0).StartsWith("K="u8)))
        {
            session.Deviates("BP-5.5-11", Role.Server, "The reply to ROT is not a single 220 line without K=.");
            Break("The reply does not fit ROT.");
            return null;
        }

        if (RotShift.Parse(Encoding.ASCII.GetBytes(_parsed!.Share)) is not { } shift)
        {
            session.Deviates("BP-5.5-1", Role.Server, "The server accepts an invalid shift.");
            return null;
        }

        (_report.Upgrade, _report.Suite) = (UpgradeKind.BlackPony, _suite!.Name);
        session.Find(FindingKind.NotEncrypted, Role.Client, "ROT protects nothing: this session is not encrypted.");
        session.Recorder?.Shifted(shift);
        return new RotLayer(session, shift);
    }

    private void CheckFragments(Reply reply)
    {
        for (int i = 0; i < reply.Lines.Count; i++)
        {
            int length = reply.Lines[i].Length - 6;
            if (i < reply.Lines.Count - 1 ? length != Limits.ShareFragment : length > Limits.ShareFragment)
            {
                session.FindOnce(FindingKind.Deviation("BP-4.3-4"), Role.Server,
                    $"A fragment of {length} characters in line {i + 1} of {reply.Lines.Count}.");
            }
        }
    }
}
