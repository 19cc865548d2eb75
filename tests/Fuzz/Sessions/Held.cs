using System.Reflection;
using BlackPony.Reference;

namespace BlackPony.Fuzz.Sessions;

/// <summary>
/// What a machine holds of what came in. Seen through reflection: no machine shows it, and all must bound it ([BP-10.1-7]).
/// </summary>
internal static class Held
{
    private static readonly Dictionary<Type, FieldInfo[]> Buffers = [];

    /// <summary>The octets in the fullest of a machine's buffers.</summary>
    public static int Most(object machine)
    {
        if (!Buffers.TryGetValue(machine.GetType(), out var fields))
        {
            fields = [.. Levels(machine.GetType())
                .SelectMany(t => t.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                .Where(f => f.FieldType == typeof(OctetBuffer))];
            Buffers[machine.GetType()] = fields;
        }

        Invariant.That(fields.Length > 0, "a machine has buffers");
        return fields.Max(f => ((OctetBuffer)f.GetValue(machine)!).Length);
    }
    private static IEnumerable<Type> Levels(Type type) => type.BaseType is { } below ? Levels(below).Prepend(type) : [];
}
