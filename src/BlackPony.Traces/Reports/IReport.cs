using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Reports;

/// <summary>Writes sessions as they come, so that no more is kept than what is open.</summary>
public interface IReport
{
    /// <summary>A session that is over.</summary>
    void Session(ObservedSession session);

    /// <summary>The end: files and sums.</summary>
    void Finish(IReadOnlyList<FileReport> files, Totals totals);
}
