// Writes shell completion from the command tree. The scripts call nothing: they hold the tree as it is.
import type { Command, Help } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof SHELLS)[number];

interface Word {
  readonly text: string;
  readonly says: string;
  /** For an option: what its value is. */
  readonly value?: { readonly kind: 'file' | 'directory' | 'choice' | 'other'; readonly choices: readonly string[] };
}

/** One node of the tree: the words that lead to it and what may follow. */
interface Place {
  readonly path: readonly string[];
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
  readonly takesFile: boolean;
}

function kindOf(flags: string): 'file' | 'directory' | 'other' {
  if (/<dir>/.test(flags)) return 'directory';
  return /<(file|path)>/.test(flags) ? 'file' : 'other';
}

function describe(command: Command, help: Help, path: readonly string[]): Place[] {
  const commands = help
    .visibleCommands(command)
    .map((sub) => ({ text: sub.name(), says: sub.summary() || sub.description() }));
  const options = help.visibleOptions(command).flatMap((option): Word[] => {
    if (!option.long) return [];
    const takesValue = option.required || option.optional;
    const choices = option.argChoices ?? [];
    const value = { kind: choices.length > 0 ? ('choice' as const) : kindOf(option.flags), choices };
    return [{ text: option.long, says: option.description, ...(takesValue ? { value } : {}) }];
  });
  const takesFile = command.registeredArguments.some((argument) => argument.name() === 'file');
  const own: Place = { path, commands, options, takesFile };
  return [
    own,
    ...command.commands.filter((c) => c.name() !== 'help').flatMap((c) => describe(c, help, [...path, c.name()])),
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const first = (says: string): string => says.split(/[.;]\s/)[0] ?? says;

function writeBash(places: readonly Place[]): string {
  const known = places.filter((p) => p.path.length > 0).map((p) => quote(p.path.join(' ')));
  const cases = places.map((place) => {
    const words = [...place.commands, ...place.options].map((w) => w.text).join(' ');
    const values = place.options.filter((o) => o.value);
    const byKind = (kind: string): string =>
      values
        .filter((o) => o.value?.kind === kind)
        .map((o) => o.text)
        .join('|');
    const lines = [
      ...(byKind('file')
        ? [`        ${byKind('file')}) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;`]
        : []),
      ...(byKind('directory')
        ? [`        ${byKind('directory')}) compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return ;;`]
        : []),
      ...values
        .filter((o) => o.value?.kind === 'choice')
        .map(
          (o) =>
            `        ${o.text}) COMPREPLY=($(compgen -W ${quote(o.value?.choices.join(' ') ?? '')} -- "$cur")); return ;;`,
        ),
      ...(byKind('other') ? [`        ${byKind('other')}) return ;;`] : []),
    ];
    return [
      `    ${quote(place.path.join(' '))})`,
      ...(lines.length > 0 ? ['      case "$prev" in', ...lines, '      esac'] : []),
      ...(place.takesFile
        ? ['      if [[ $cur != -* ]]; then compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return; fi']
        : []),
      `      COMPREPLY=($(compgen -W ${quote(words)} -- "$cur"))`,
      '      ;;',
    ].join('\n');
  });
  return `# Completion of drover for bash. Load it with: source <(drover completion bash)
_drover() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} place='' next word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next=\${place:+$place }$word
    case "$next" in
      ${known.join('|')}) place=$next ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
}
complete -F _drover drover
`;
}

const zshText = (text: string): string => text.replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', ' -');

function writeZsh(places: readonly Place[]): string {
  const cases = places.map((place) => {
    const commands = place.commands.map((w) => quote(`${w.text}:${zshText(first(w.says))}`));
    const action = (word: Word): string => {
      if (!word.value) return '';
      const by = { file: '_files', directory: '_files -/', choice: `(${word.value.choices.join(' ')})`, other: '' };
      return `:${word.text.slice(2)}:${by[word.value.kind]}`;
    };
    const specs = place.options.map((o) => quote(`*${o.text}[${zshText(first(o.says))}]${action(o)}`));
    if (place.takesFile) specs.push(quote('*:file:_files'));
    const lines = [
      ...(commands.length > 0
        ? [`      words_here=(${commands.join(' ')})`, '      _describe -t commands command words_here']
        : []),
      ...(specs.length > 0 ? [`      _arguments ${specs.join(' ')}`] : []),
    ];
    return [`    ${quote(place.path.join(' '))})`, ...lines, '      ;;'].join('\n');
  });
  const known = places.filter((p) => p.path.length > 0).map((p) => quote(p.path.join(' ')));
  return `#compdef drover
# Completion of drover for zsh. Save it as _drover in a directory of $fpath.
_drover() {
  local place='' next word
  local -a words_here
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next=\${place:+$place }$word
    case "$next" in
      ${known.join('|')}) place=$next ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
}
compdef _drover drover
`;
}

function writeFish(places: readonly Place[]): string {
  const lines = places.flatMap((place) => {
    const deeper = place.commands.map((w) => w.text);
    const seen = place.path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const none = deeper.length > 0 ? [`not __fish_seen_subcommand_from ${deeper.join(' ')}`] : [];
    const when = quote(place.path.length === 0 ? '__fish_use_subcommand' : [...seen, ...none].join('; and '));
    const commands = place.commands.map(
      (w) => `complete -c drover -n ${when} -f -a ${w.text} -d ${quote(first(w.says))}`,
    );
    const options = place.options.map((o) => {
      const value = !o.value
        ? ''
        : o.value.kind === 'choice'
          ? ` -x -a ${quote(o.value.choices.join(' '))}`
          : o.value.kind === 'other'
            ? ' -x'
            : ' -r';
      return `complete -c drover -n ${when} -l ${o.text.slice(2)}${value} -d ${quote(first(o.says))}`;
    });
    return [...commands, ...options];
  });
  return `# Completion of drover for fish. Save it as ~/.config/fish/completions/drover.fish\n${lines.join('\n')}\n`;
}

/** The completion script of `program` for one shell. */
export function writeCompletion(program: Command, shell: ShellName): string {
  const places = describe(program, program.createHelp(), []);
  if (shell === 'bash') return writeBash(places);
  return shell === 'zsh' ? writeZsh(places) : writeFish(places);
}
