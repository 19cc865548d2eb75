using System.Globalization;

namespace BlackPony.Tools;

/// <summary>The file descriptors that this process may have.</summary>
internal static class Descriptors
{
    /// <summary>The hard limit, up to which .NET raises its own; null where the system does not say.</summary>
    public static long? Most
    {
        get
        {
            try
            {
                // "Max open files            1024                 524288               files"
                var line = File.ReadLines("/proc/self/limits")
                    .FirstOrDefault(l => l.StartsWith("Max open files", StringComparison.Ordinal));
                return long.TryParse(line?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture,
                    out long most) ? most : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }
}
