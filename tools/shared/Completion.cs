using System.CommandLine;

namespace BlackPony.Tools;

/// <summary>
/// <c>completion</c>: the lines by which a shell asks the program what may stand next (System.CommandLine's directive <c>[suggest:N]</c>).
/// </summary>
internal static class Completion
{
    private const string Bash = """
        _NAME_() {
            local line="NAME${COMP_LINE#"${COMP_WORDS[0]}"}"
            local at=$((COMP_POINT - ${#COMP_LINE} + ${#line})) IFS=$'\n'
            COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$at]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _NAME_ NAME
        """;

    private const string Zsh = """
        #compdef NAME
        _NAME_() {
            local line="NAME${BUFFER#"${words[1]}"}"
            local at=$((CURSOR - ${#BUFFER} + ${#line}))
            local -a found=("${(@f)$("${words[1]}" "[suggest:$at]" "$line" 2>/dev/null)}")
            compadd -- ${found:#} || _files
        }
        if [ "$funcstack[1]" = _NAME ]; then _NAME_ "$@"; else compdef _NAME_ NAME; fi
        """;

    private const string Fish = """
        complete -c NAME -a '(NAME "[suggest:"(string length -- (commandline -cp))"]" (commandline -cp) 2>/dev/null)'
        """;

    public static Command Create(string name)
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print the completion script for a shell.") { shell };
        Help.Example(command, $"""
              eval "$({name} completion bash)"                           in ~/.bashrc
              {name} completion bash > /usr/share/bash-completion/completions/{name}
              {name} completion zsh > /usr/local/share/zsh/site-functions/_{name}
              {name} completion fish > /usr/share/fish/vendor_completions.d/{name}.fish
            """);
        command.SetAction(parse =>
        {
            var script = parse.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish };
            parse.InvocationConfiguration.Output.WriteLine(
                script.Replace("_NAME_", "_" + name.Replace('-', '_') + "_complete", StringComparison.Ordinal)
                    .Replace("NAME", name, StringComparison.Ordinal));
        });
        return command;
    }
}
