using BlackPony.Fuzz;
using BlackPony.Fuzz.Seeds;
using SharpFuzz;

// seeds TRANSCRIPTS OUT: the seed corpus, a folder a target. TARGET: the loop that AFL++ drives. TARGET FILE...: runs files.
// unpack ARCHIVE FOLDER, pack FOLDER ARCHIVE: the inputs that are kept (tests/Fuzz/corpus). show FILE: a script to read.
switch (args)
{
    case ["targets"]:
        Console.WriteLine(string.Join('\n', AllTargets.All.Select(t => t.Name)));
        return 0;
    case ["seeds", var transcripts, var output]:
        SeedCorpus.Write(transcripts, output);
        return 0;
    case ["unpack", var archive, var folder]:
        Corpus.Unpack(archive, folder);
        return 0;
    case ["pack", var folder, var archive]:
        Corpus.PackFolder(folder, archive);
        return 0;
    case ["show", var file]:
        Console.WriteLine(Script.Read(File.ReadAllBytes(file)));
        return 0;
    case [var name] when AllTargets.Find(name) is { } target:
        Fuzzer.OutOfProcess.Run(stream =>
        {
            using var input = new MemoryStream();
            stream.CopyTo(input);
            try
            {
                target.Run(input.ToArray());
            }
            catch (Exception e) when (Environment.GetEnvironmentVariable("FUZZ_LOG") is { } log)
            {
                File.AppendAllText(log, $"{Convert.ToHexStringLower(input.ToArray())} {e}\n");
                throw;
            }
        });
        return 0;
    case [var name, .. var files] when AllTargets.Find(name) is { } target:
        int failures = 0;
        foreach (var file in files)
        {
            try
            {
                target.Run(File.ReadAllBytes(file));
            }
            catch (Exception e)
            {
                failures++;
                Console.WriteLine(
                    $"{file}: {e.GetType().Name}: {e.Message}"
                        + $"{e.StackTrace?.Split('\n').FirstOrDefault(l => l.Contains("BlackPony.Reference", StringComparison.Ordinal))}");
            }
        }

        Console.WriteLine($"{name}: {files.Length} files, {failures} failures");
        return failures == 0 ? 0 : 1;
    default:
        Console.Error.WriteLine(
            "usage: BlackPony.Fuzz targets | seeds TRANSCRIPTS OUT | unpack ARCHIVE FOLDER | pack FOLDER ARCHIVE | show FILE | TARGET "
                + "[FILE...]");
        return 2;
}
