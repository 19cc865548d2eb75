using BlackPony.SpecDocument;
using BlackPony.SpecDocument.Html;
using BlackPony.SpecDocument.Text;

if (args.Length != 2)
{
    Console.Error.WriteLine("spec-document SPEC-FOLDER OUTPUT-FOLDER: writes each document of the specification as HTML and as text.");
    return 2;
}

Directory.CreateDirectory(args[1]);
foreach (var source in Source.Read(args[0]))
{
    Write($"{source.Name}.html", HtmlDocument.Write(source));
    Write($"{source.Name}.txt", TextDocument.Write(source));
}

return 0;

void Write(string name, string text)
{
    var path = Path.Combine(args[1], name);
    File.WriteAllText(path, text);
    Console.WriteLine(path);
}
