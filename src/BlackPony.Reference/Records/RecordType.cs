namespace BlackPony.Reference.Records;

/// <summary>The types of records (spec 7.4).</summary>
internal enum RecordType : byte
{
    /// <summary>Octets of the SMTP stream.</summary>
    Data = 1,

    /// <summary>verify_data.</summary>
    Finished = 2,

    /// <summary>The server's IDENT.</summary>
    Ident = 3,

    /// <summary>The last record under this traffic secret.</summary>
    Rekey = 4,

    /// <summary>This direction is whole.</summary>
    Close = 5,

    /// <summary>Something failed.</summary>
    Alert = 6,

    /// <summary>This and all above are ignored ([BP-7.4-1]).</summary>
    FirstIgnored = 128,
}
