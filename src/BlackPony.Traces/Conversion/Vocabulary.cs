using System.Text.RegularExpressions;

namespace BlackPony.Traces.Conversion;

/// <summary>The protocol's words. What is not among them is somebody's, and is replaced.</summary>
internal static partial class Vocabulary
{
    /// <summary>Words of replies, as the usual servers say them, and what a greeting calls itself.</summary>
    public static readonly HashSet<string> Reply = Set("""
        ok okay go ahead ready welcome hello hi pleased to meet you bye goodbye closing transmission channel connection connect
        connected close closed queued as
        sender recipient recipients mail message messages accepted accept delivery deliver delivered for from in on by at of the a an
        and or not no is are was be been
        with without this that your our my me it its if then than too many much more most less least end data start input text line
        lines enter type using use used
        command commands unknown unrecognized recognized implemented unimplemented syntax error errors argument arguments parameter
        parameters bad sequence order
        first need needs required require requires must should can cannot could will would may might please try again later temporary
        temporarily permanent failure
        failed fail fails rejected reject refused refuse denied deny relay relaying access authentication authenticated authorization
        authorized successful success
        succeeded credentials invalid valid user users mailbox mailboxes unavailable available full quota exceeded exceeds size limit
        limits maximum minimum fixed
        space storage system resources insufficient local server service services transaction aborted abort flushed flush reset state
        unable unexpected expected
        timeout timed out idle time long address addresses domain domains host hosts name names client address's lookup found exist
        exists existing such here
        verify verified vrfy expn help helo ehlo rcpt quit rset noop etrn starttls auth auth's tls ssl encryption encrypted begin
        negotiation mechanism mechanisms
        challenge response username password passwords login logins hash pass continue proceed action requested taken completed okay
        completed processed processing
        process spam virus content blocked block list listed listing blacklist blacklisted greylisted greylist greylisting policy
        reason code see contact administrator postmaster abuse
        nested already given specified before after duplicate one two three any all some other another none null empty blank clear cleared
        esmtp smtp lmtp postfix exim sendmail microsoft exchange dovecot qmail opensmtpd haraka debian ubuntu gnu linux freebsd
        openbsd netbsd unix windows
        version ident identification id info information supported support supports supporting topics following comments bugs send
        sent receive received receiving
        last chunk chunks octets bytes octet byte kb mb total pipelining session sessions during while until when because due since
        cr lf crlf dot period terminated terminate by itself lone alone bare own single nothing fine thanks thank sorry there that's i
        i'm can't don't doesn't isn't you're
        queue queues running run waiting wait hold held saved save saving stored store written write read disk loop detected hops hop
        count route routing
        protocol protocols unsupported disabled disable enabled enable only already open opened opening new old out off up down over
        under into onto about
        mx dns ptr reverse record records resolve resolved resolves match matches matching check checked checks spf dkim dmarc dnsbl
        rbl reputation
        attempts attempt attempted simultaneous concurrent rate limited throttled throttling per hour minute second seconds minutes
        hours day days
        internal external requeue bounce forward forwarded forwarding path paths mailbox's listening plain implicit explicit upgrade
        now daemon mailer agent transfer transport
        spool xclient xforward xblackpony blackpony rot
        """);

    /// <summary>Keywords of a reply to EHLO, and their parameters.</summary>
    public static readonly HashSet<string> Keywords = Set("""
        PIPELINING SIZE VRFY EXPN HELP ETRN TURN ATRN STARTTLS AUTH ENHANCEDSTATUSCODES 8BITMIME 7BIT BINARYMIME CHUNKING DSN SMTPUTF8
        UTF8SMTP DELIVERBY CHECKPOINT
        NO-SOLICITING MTRK SUBMITTER BURL IMAP FUTURERELEASE CONNEG CONPERM CONVERT RRVS MT-PRIORITY REQUIRETLS LIMITS MAILMAX RCPTMAX
        RCPTDOMAINMAX XCLIENT XFORWARD NAME ADDR PORT PROTO HELO LOGIN
        DESTADDR DESTPORT SOURCE XEXCH50 X-EXPS X-ANONYMOUSTLS X-LINK2STATE XRDST XSHADOW XADR XVERP XUSR XQUE XREMOTEQUEUE
        XSYSTEMPROBE XMESSAGECONTEXT XPROXYTO XPROXYFROM XOORG XORIGFROM
        XOORIGFROM XSESSIONPARAMS X-ADAT X-RCPTLIMIT XBLACKPONY V1 ROT GSSAPI NTLM ONEX VERB XONE SEND SOML SAML RSET QUIT DATA RCPT
        MAIL EHLO NOOP BDAT IDENT SESSION PROXY HELO TTL
        X25519MLKEM768-CHACHA20POLY1305 X25519MLKEM768-AES256GCM X25519-CHACHA20POLY1305 RSA-BLOWFISH MIXER STARTTLSPRE
        """);

    /// <summary>Parameters of MAIL and RCPT.</summary>
    public static readonly HashSet<string> Parameters = Set("""
        SIZE BODY RET ENVID NOTIFY ORCPT AUTH BY HOLDFOR HOLDUNTIL SMTPUTF8 MT-PRIORITY REQUIRETLS SOLICIT MTRK SUBMITTER TRANSID
        CONPERM CONNEG CONVERT RRVS XVERP
        XOORG XSHADOW XMESSAGECONTEXT XORIGFROM XOORIGFROM XRDST
        """);

    /// <summary>Values of those that hold no name.</summary>
    public static readonly HashSet<string> Values =
        Set("7BIT 8BITMIME BINARYMIME FULL HDRS NEVER SUCCESS FAILURE DELAY RFC822 UTF-8 UTF8 LAST NAME ADDR PORT PROTO HELO LOGIN "
            + "DESTADDR DESTPORT SOURCE ESMTP SMTP LOCAL REMOTE UNAVAILABLE TEMPUNAVAIL");

    /// <summary>Names of header fields (IANA's registry, and the usual ones beside it).</summary>
    public static readonly HashSet<string> Fields = Set("""
        Return-Path Received Date From Sender Reply-To To Cc Bcc Subject Comments Keywords Message-ID In-Reply-To References
        Resent-Date Resent-From Resent-Sender Resent-To Resent-Cc
        Resent-Bcc Resent-Message-ID MIME-Version Content-Type Content-Transfer-Encoding Content-Disposition Content-Description
        Content-ID Content-Language Content-Location Content-Length
        Content-Class List-Id List-Post List-Help List-Archive List-Owner List-Subscribe List-Unsubscribe List-Unsubscribe-Post
        DKIM-Signature ARC-Seal ARC-Message-Signature
        ARC-Authentication-Results Authentication-Results Received-SPF DomainKey-Signature Auto-Submitted Precedence Priority
        Importance Sensitivity Organization User-Agent X-Mailer X-MimeOLE
        X-Priority X-MSMail-Priority X-Originating-IP X-Spam-Status X-Spam-Level X-Spam-Flag X-Spam-Score X-Spam-Checker-Version
        X-Virus-Scanned X-Received X-Original-To X-Forwarded-To
        X-Forwarded-For X-Loop X-Mailing-List X-BeenThere X-Mailman-Version X-Accept-Language X-Envelope-From X-Envelope-To X-Sender
        X-Report-Abuse Delivered-To Envelope-To Delivery-Date
        Disposition-Notification-To Return-Receipt-To Errors-To Thread-Topic Thread-Index Accept-Language Status X-Status X-UID Lines
        Newsgroups Path Mail-Followup-To Feedback-ID
        Autocrypt Original-Recipient Final-Recipient Action Reporting-MTA Diagnostic-Code Remote-MTA Last-Attempt-Date Arrival-Date
        TLS-Required Require-Recipient-Valid-Since
        Host Proxy-Authorization Proxy-Authenticate Proxy-Connection Connection Content-Length Proxy-Agent Via Keep-Alive Server
        """);

    /// <summary>Words of MIME's own header fields.</summary>
    public static readonly HashSet<string> Mime = Set("""
        text plain html enriched calendar css csv xml rtf multipart mixed alternative related report signed encrypted digest parallel
        form-data message rfc822 partial external-body delivery-status
        disposition-notification feedback-report global global-headers application octet-stream pdf zip gzip json msword ms-tnef
        pkcs7-signature pkcs7-mime x-pkcs7-signature x-pkcs7-mime pgp-signature
        pgp-encrypted pgp-keys rtf image jpeg jpg png gif bmp tiff svg webp audio mpeg wav ogg basic video mp4 quicktime font model
        headers rfc822-headers
        charset boundary name filename format delsp type start start-info report-type micalg protocol smime-type size creation-date
        modification-date read-date method reply-type
        utf-8 us-ascii ascii iso-8859-1 iso-8859-2 iso-8859-3 iso-8859-4 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 iso-8859-9
        iso-8859-10 iso-8859-13 iso-8859-14 iso-8859-15 iso-8859-16
        iso-2022-jp iso-2022-kr windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1255 windows-1256
        windows-1257 windows-1258 koi8-r koi8-u big5 gb2312 gb18030 gbk euc-jp euc-kr
        shift_jis tis-620 utf-7 utf-16 flowed fixed yes no 7bit 8bit binary base64 quoted-printable inline attachment 1.0 sha1 sha256
        sha512 sha-1 sha-256 sha-512 md5 pgp-sha1 pgp-sha256 pgp-sha512
        signed-data enveloped-data request reply cancel publish
        """);

    /// <summary>Words that make a Received field (RFC 5321 4.4).</summary>
    public static readonly HashSet<string> Received =
        Set("from by with for id via SMTP ESMTP ESMTPA ESMTPS ESMTPSA LMTP LMTPS LMTPA LMTPSA UTF8SMTP UTF8SMTPS TCP XBLACKPONY V1 HELO "
            + "EHLO HTTP HTTPS");

    /// <summary>Zones of a date.</summary>
    public static readonly HashSet<string> Zones =
        Set("UTC GMT CET CEST MET MEST EET EEST WET WEST BST IST MSK EST EDT CST CDT MST MDT PST PDT AKST AKDT HST AEST AEDT NZST NZDT "
            + "JST KST SGT");

    // What commands and structures are made of, beside these lists.
    private static readonly HashSet<string> Structure =
        Set("STARTTLS EHLO HELO LHLO MAIL FROM RCPT DATA BDAT LAST QUIT RSET NOOP HELP VRFY EXPN ETRN TURN ATRN SEND SOML SAML BURL "
            + "XEXCH50 PROXY UNKNOWN CONNECT HTTP BLACKPONY XFORWARD XCLIENT TCP4 TCP6");

    private static readonly HashSet<string> Runs = new(
        new[] { Reply, Keywords, Parameters, Values, Fields, Mime, Received, Zones, Structure }.SelectMany(s => s)
            .Concat(Sessions.Mechanisms.All).SelectMany(w => Letters().Matches(w).Select(m => m.Value)),
        StringComparer.OrdinalIgnoreCase);

    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> RunsBySpan = Runs.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Whether a run of letters is part of the vocabulary.</summary>
    public static bool Has(ReadOnlySpan<char> run) => RunsBySpan.Contains(run);

    private static HashSet<string> Set(string words) =>
        new(words.Split((char[])[' ', '\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries), StringComparer.OrdinalIgnoreCase);

    [GeneratedRegex("[A-Za-z]+")]
    private static partial Regex Letters();
}
