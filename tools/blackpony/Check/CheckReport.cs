using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using BlackPony.Hosting;

namespace BlackPony.Tools.Check;

/// <summary>What <c>blackpony check</c> prints.</summary>
internal static class CheckReport
{
    /// <summary>For people. Everything that the server said is made fit for a terminal.</summary>
    public static void Print(AddressReport report, TextWriter output)
    {
        output.WriteLine(report.Address is { } address ? $"{report.Name} {new IPEndPoint(address, report.Port)}" : report.Name);
        if (report.Connecting is { } connecting)
            Line("connection", Time(connecting) + (report.Greeted is { } greeted ? $", greeting after {Time(greeted)}" : ""));

        if (report.Greeting is { } greeting)
            Line("greeting", greeting);

        if (report.Error is { } error)
        {
            Line("error", error);
            return;
        }

        Line("STARTTLS", report.StartTls ? "offered" : "not offered");
        Line("BlackPony", report.Offer ?? "not offered");
        if (report.Offer is not null && report.Suites.Count == 0)
            Line("upgrade", "the offer does not have V1 and a suite that this program knows");

        foreach (var suite in report.Suites)
        {
            Line("upgrade", suite.Failure is { } failure
                ? $"{suite.Suite}: FAILED, {failure}" + (suite.Reply is { } reply ? $": {reply}" : "")
                : $"{suite.Suite}: {(suite.RoundTrips == 1 ? "1 round trip" : $"{suite.RoundTrips} round trips")}, {Time(suite.Time)} to "
                    + "the first reply inside");
        }

        foreach (var ident in report.Idents)
            Line("IDENT", ident.Key + (ident.IsWithdrawn ? ", withdrawn" : ""));

        if (report.Suites.Count > 0 && report.Idents.Count == 0)
            Line("IDENT", "none");

        if (report.Memory is { } memory)
        {
            Line("memory", memory switch
            {
                "remembered" => "the server shows the remembered key",
                "known" => "the server is remembered, without a key",
                "new" => "the server is not remembered",
                "ident-missing" => "FAILED, the server is remembered and does not show its key",
                _ => "FAILED, the server shows another key than the remembered one",
            });
        }

        foreach (var (policy, result) in report.Policies)
            Line("policy", $"{policy}: {result}");

        void Line(string what, string text) => output.WriteLine($"  {what,-10}  {Printable.Escape(text)}");
    }

    /// <summary>For programs.</summary>
    public static string Json(string host, IReadOnlyList<AddressReport> reports, MailSurvey? survey, string? error)
    {
        using var octets = new MemoryStream();
        using (var json = new Utf8JsonWriter(octets))
        {
            json.WriteStartObject();
            json.WriteString("host", host);
            json.WriteBoolean("ok", error is null && reports.All(r => r.IsGood));
            json.WriteString("error", error);
            json.WriteNumber("more_exchangers", survey?.MoreExchangers ?? 0);
            json.WriteNumber("more_addresses", survey?.MoreAddresses ?? 0);
            json.WriteStartArray("addresses");
            foreach (var report in reports)
                Write(json, report);

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(octets.ToArray());
    }

    private static void Write(Utf8JsonWriter json, AddressReport report)
    {
        json.WriteStartObject();
        json.WriteString("name", report.Name);
        json.WriteString("address", report.Address?.ToString());
        json.WriteNumber("port", report.Port);
        json.WriteBoolean("ok", report.IsGood);
        json.WriteString("error", report.Error);
        Write(json, "connect_ms", report.Connecting);
        Write(json, "greeting_ms", report.Greeted);
        json.WriteString("greeting", report.Greeting);
        json.WriteBoolean("starttls", report.StartTls);
        json.WriteString("offer", report.Offer);
        json.WriteStartArray("suites");
        foreach (var suite in report.Suites)
        {
            json.WriteStartObject();
            json.WriteString("name", suite.Suite);
            json.WriteString("failure", suite.Failure);
            json.WriteString("reply", suite.Reply);
            if (suite.Failure is null)
            {
                json.WriteNumber("round_trips", suite.RoundTrips);
                json.WriteNumber("ms", Milliseconds(suite.Time));
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("idents");
        foreach (var ident in report.Idents)
        {
            json.WriteStartObject();
            json.WriteString("key", ident.Key);
            json.WriteBoolean("withdrawn", ident.IsWithdrawn);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("memory", report.Memory);
        json.WriteStartObject("policies");
        foreach (var (policy, result) in report.Policies)
            json.WriteString(policy, result);

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, TimeSpan? time)
    {
        if (time is { } known)
            json.WriteNumber(name, Milliseconds(known));
        else
            json.WriteNull(name);
    }

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 1);

    private static string Time(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{Milliseconds(time):0.0} ms");
}
