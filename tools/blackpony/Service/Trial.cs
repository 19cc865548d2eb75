namespace BlackPony.Tools;

/// <summary>Opens a file as the service would, for <c>--check</c>.</summary>
internal static class Trial
{
    /// <summary>Opens it, and removes a file that was not there before: the service might not have the right to write it.</summary>
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
