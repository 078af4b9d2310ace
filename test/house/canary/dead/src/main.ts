// Canary: the entry; knip must report the export that nobody uses beside it and the package that nobody declared.
import 'never-declared';
import { used } from './part.ts';

used();
