namespace BlackPony.Tools;

/// <summary>Something that a service opens, for <c>--check</c>.</summary>
/// <param name="Option">The option that names it, and its value.</param>
/// <param name="Open">Opens it; what is wrong is an exception, a <see cref="FormatException"/> if its message names the option.</param>
internal sealed record Trial(string Option, Func<Task> Open)
{
    /// <summary>Opens a file as the service would, and for <c>--check</c> removes one that was not there before: the service might not
    /// have the right to write it.</summary>
    public static void Run(string path, bool isTrial, Action open)
    {
        bool exists = File.Exists(path);
        try
        {
            open();
        }
        finally
        {
            if (isTrial && !exists && File.Exists(path))
                File.Delete(path);
        }
    }
}
