using BlackPony.SpecDocument;
using BlackPony.SpecDocument.Html;
using BlackPony.SpecDocument.Text;

if (args.Length != 2)
{
    Console.Error.WriteLine("spec-document SPEC-FOLDER OUTPUT-FOLDER: writes blackpony.html and blackpony.txt.");
    return 2;
}

var source = Source.Read(args[0]);
Directory.CreateDirectory(args[1]);
File.WriteAllText(Path.Combine(args[1], "blackpony.html"), HtmlDocument.Write(source));
File.WriteAllText(Path.Combine(args[1], "blackpony.txt"), TextDocument.Write(source));
Console.WriteLine($"{Path.Combine(args[1], "blackpony.html")}\n{Path.Combine(args[1], "blackpony.txt")}");
return 0;
