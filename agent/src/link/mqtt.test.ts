import { ErrorWithReasonCode } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { explainTrouble } from './mqtt.ts';

describe('the error of a connection', () => {
  it('says what to do when the hub refuses the device, and keeps the words of the system otherwise', () => {
    const refused = (code: number) => explainTrouble(new ErrorWithReasonCode('Connection refused: some words', code));
    expect(refused(4)).toContain('drover agent join --rejoin');
    expect(refused(2)).toContain('another agent');
    expect(refused(77)).toBe('Connection refused: some words');
    const lost = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1883'), { code: 'ECONNREFUSED' });
    expect(explainTrouble(lost)).toBe('connect ECONNREFUSED 127.0.0.1:1883');
  });
});
