using System.Globalization;

namespace BlackPony.Tests.Interop.Soak;

/// <summary>What a process takes up, from /proc.</summary>
/// <param name="Memory">Resident memory that is its own, in kB: not the pages of files, which come in as they are used.</param>
/// <param name="Descriptors">Open file descriptors.</param>
/// <param name="Threads">Threads.</param>
internal sealed record ProcessSize(int Memory, int Descriptors, int Threads)
{
    /// <summary>Looks at a process.</summary>
    public static ProcessSize Of(int process)
    {
        var status = File.ReadAllLines($"/proc/{process}/status").Select(l => l.Split(':', 2))
            .ToDictionary(l => l[0], l => l[1].Trim().Split(' ')[0]);
        return new ProcessSize(Number("RssAnon"), Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").Count(), Number("Threads"));

        int Number(string name) => int.Parse(status[name], CultureInfo.InvariantCulture);
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Memory / 1024.0,6:f1} MB {Descriptors,3} fd {Threads,2} threads");
}
