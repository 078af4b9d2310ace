// Decides what to say of one device of a rollout: why it has not begun, what it is doing, how it ended. From the evaluation that
// decides, so that both never differ. Never acts.
import { findOpening } from '../maintenance.ts';
import { type Blocked, planAdmission } from './admission.ts';
import { isBreaching, type RolloutSnapshot } from './decide.ts';
import { isOpen, isThrough, isTold, isWaiting, type Member } from './members.ts';
import { isRolloutEnded } from './states.ts';

const instant = (at: number): string => new Date(at).toISOString();

function explainWait({ wait, detail }: Blocked): string {
  switch (wait) {
    case 'stage':
      return `It is in stage "${detail}", which has not begun.`;
    case 'retry':
      return `It failed and is tried again at ${detail}.`;
    case 'going_back':
      return 'Another rollout is bringing it back to what it ran before; it comes after that.';
    case 'offline':
      return 'It is not connected; it is let in when it comes back and a place is free.';
    case 'in_flight':
      return `As many devices as may are under way (${detail}).`;
    case 'ramp':
      return 'As many devices as may began within the last minute.';
    case 'disruption':
      return `Its place has no room: ${detail}.`;
    default:
      return wait satisfies never;
  }
}

const STOPPED: Readonly<Partial<Record<RolloutSnapshot['state'], string>>> = {
  awaiting_approval: 'The rollout waits for people to agree.',
  scheduled: 'The rollout has not begun.',
  rolling_back: 'The rollout is rolled back.',
  aborting: 'The rollout is aborted.',
};

function explainWaiting(snapshot: RolloutSnapshot, member: Member, now: number): string {
  const { state } = snapshot;
  if (isRolloutEnded(state)) return `The rollout is ${state}.`;
  const stopped = STOPPED[state];
  if (stopped !== undefined) return stopped;
  if (state === 'paused') return 'The rollout is paused: nobody is let in.';
  const blocked = planAdmission(snapshot, now).blocked.get(member);
  return blocked ? explainWait(blocked) : 'It is let in with the next look.';
}

/** One sentence; undefined: the device is not part of the rollout. */
export function explainDevice(snapshot: RolloutSnapshot, device: string, now: number): string | undefined {
  const member = snapshot.members.find((m) => m.device === device);
  if (!member) return undefined;
  const back = member.purpose === 'revert' ? ' on its way back to what it ran before' : '';
  const since = `since ${instant(member.progressAt)}`;
  if (isWaiting(member)) return explainWaiting(snapshot, member, now);
  if (isTold(member))
    return member.isOnline
      ? `It was told ${member.admittedAt === null ? '' : `at ${instant(member.admittedAt)} `}and has not answered${back}.`
      : `It is told when it comes back${back}.`;
  const opening = findOpening(member.purpose === 'revert' ? [] : snapshot.plan.windows, now);
  if (member.state === 'staged' && 'opensAt' in opening)
    return `It has everything and waits for the maintenance window, which opens at ${instant(opening.opensAt)}.`;
  if (member.state === 'deferred')
    return `Somebody on site holds it ${since}${member.code === undefined ? '' : ` (${member.code})`}; it goes on when they let it.`;
  if (isOpen(member)) return `It is ${member.state} ${since}${back}${member.isOnline ? '' : ', and not connected'}.`;
  if (isBreaching(member, snapshot.plan, snapshot.members.length))
    return `It has the version and does not answer as it must: ${member.errors} of ${member.predictions + member.errors} requests got no answer.`;
  if (isThrough(member))
    return member.purpose === 'revert'
      ? `It runs again what it ran before, ${since}.`
      : `It has the version, ${since}${member.isCurrent ? '' : '; another rollout gave it something else later'}.`;
  return `It ended ${member.state}${member.code === undefined ? '' : ` (${member.code})`} at ${instant(member.progressAt)}, try ${member.attempt}.`;
}
