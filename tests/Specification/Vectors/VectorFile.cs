using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>One file of spec/vectors as the reference makes it.</summary>
internal sealed class VectorFile(string subject, string description)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Dictionary<string, string[]> _requirements = [];
    private readonly JsonObject _notes = [];
    private readonly JsonArray _tests = [];

    public static string Folder { get; } = Path.Combine(SpecificationFile.Folder, "vectors");

    public string Name => $"{subject}.json";

    /// <summary>RSA key pairs that the tests name, or null.</summary>
    public JsonObject? Keys { get; init; }

    /// <summary>Explains a flag, and names the requirements that its tests check.</summary>
    public void Note(string flag, string text, params string[] requirements)
    {
        _requirements.Add(flag, requirements);
        _notes.Add(flag, new JsonObject { ["description"] = text, ["requirements"] = Json.List(requirements) });
    }

    public void Valid(string comment, string flags, JsonObject input, JsonObject expect) => Add(comment, flags, input, expect, "valid");

    /// <summary>Adds a negative test; <paramref name="reaction"/> says what the recipient does.</summary>
    public void Invalid(string comment, string flags, JsonObject input, JsonObject reaction, JsonObject? expect = null) =>
        Add(comment, flags, input, expect, "invalid", reaction);

    /// <summary>The file's text: ASCII, so that no editor and no tool changes an octet.</summary>
    public override string ToString()
    {
        var file = new JsonObject
        {
            ["protocol"] = "BlackPony V1",
            ["subject"] = subject,
            ["schema"] = "vectors.schema.json",
            ["description"] = description,
            ["numberOfTests"] = _tests.Count,
            ["notes"] = _notes.DeepClone(),
        };
        if (Keys is not null)
        {
            file["keys"] = Keys.DeepClone();
        }

        file["tests"] = _tests.DeepClone();
        var text = new StringBuilder();
        foreach (char c in file.ToJsonString(Format))
        {
            _ = c < 127 ? text.Append(c) : text.Append($"\\u{(int)c:x4}");
        }

        return text.Append('\n').ToString();
    }

    private void Add(string comment, string flags, JsonObject input, JsonObject? expect, string result, JsonObject? reaction = null)
    {
        string[] names = flags.Split(' ');
        var test = new JsonObject
        {
            ["tcId"] = _tests.Count + 1,
            ["comment"] = comment,
            ["flags"] = Json.List(names),
            ["requirements"] = Json.List(names.SelectMany(n => _requirements[n]).Distinct()),
            ["input"] = input,
            ["result"] = result,
        };
        foreach (var (name, value) in reaction ?? [])
        {
            test[name] = value!.DeepClone();
        }

        if (expect is not null)
        {
            test["expect"] = expect;
        }

        _tests.Add(test);
    }
}

/// <summary>Values of the vectors, written and read.</summary>
internal static class Json
{
    public static JsonArray List(IEnumerable<string> texts) => [.. texts.Select(t => (JsonNode)t)];

    public static string Hex(ReadOnlySpan<byte> octets) => Convert.ToHexStringLower(octets);

    /// <summary>Octets as text, one character an octet.</summary>
    public static string Text(ReadOnlySpan<byte> octets) => Encoding.Latin1.GetString(octets);

    public static byte[] Octets(this JsonNode? hex) => Convert.FromHexString(hex!.GetValue<string>());

    public static byte[] Line(this JsonNode? text) => Encoding.Latin1.GetBytes(text!.GetValue<string>());

    public static string String(this JsonNode? text) => text!.GetValue<string>();

    public static int Int(this JsonNode? number) => number!.GetValue<int>();

    public static List<string> Strings(this JsonNode? list) => [.. list!.AsArray().Select(n => n!.GetValue<string>())];

    /// <summary>Octets of which one is altered, in one bit if nothing else is said.</summary>
    public static byte[] Alter(byte[] octets, int at, byte bits = 1)
    {
        byte[] altered = [.. octets];
        altered[at] ^= bits;
        return altered;
    }

    /// <summary>Octets that count up.</summary>
    public static byte[] Count(int first, int count = 32) => [.. Enumerable.Range(first, count).Select(i => (byte)i)];
}

/// <summary>What a recipient does with something invalid.</summary>
internal static class Reaction
{
    /// <summary>A server refuses and goes on.</summary>
    public static JsonObject Reply(int code) => new() { ["reply"] = code };

    /// <summary>A server refuses and closes the connection.</summary>
    public static JsonObject ReplyAndClose(int code) => new() { ["reply"] = code, ["close"] = true };

    /// <summary>A failure: the alert and the end, or the end alone.</summary>
    public static JsonObject Alert(bool sent = true) => new() { ["alert"] = sent };

    /// <summary>A client sends "*".</summary>
    public static JsonObject Cancel => new() { ["cancel"] = true };

    /// <summary>A client's upgrade is broken: it closes without another octet.</summary>
    public static JsonObject Broken => new() { ["broken"] = true };

    /// <summary>A client finds no offer that it can use, and goes by its policy.</summary>
    public static JsonObject NoOffer => new() { ["noOffer"] = true };

    /// <summary>32 random octets take the place of the half.</summary>
    public static JsonObject Substitute => new() { ["substitute"] = true };

    /// <summary>The port's own application gets an error.</summary>
    public static JsonObject Error => new() { ["error"] = true };
}
