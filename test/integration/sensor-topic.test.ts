// An agent that listens to the sensors of a plant: readings on a topic of a real mosquitto become predictions, bad ones are
// counted by code.
import path from 'node:path';
import { deploy, joinAgent, remove, runAgent, scratch, startHub } from '@drover/testkit/fleet';
import { missOut, startMosquitto } from '@drover/testkit/host';
import { countPredictions, readStatus, registerOffset } from '@drover/testkit/offset';
import { killAll } from '@drover/testkit/program';
import { until } from '@drover/testkit/until';
import mqtt from 'mqtt';
import { afterAll, describe, expect, it } from 'vitest';

const dir = scratch('sensor');
afterAll(async () => {
  await killAll();
  remove(dir);
});

describe('a sensor topic', () => {
  it('of a real mosquitto feeds the model of an agent', async (context) => {
    const broker =
      (await startMosquitto()) ??
      missOut(context, 'sensor readings from a real broker need the Debian package mosquitto');
    const data = path.join(dir, 'press-1');
    try {
      const hub = await startHub(path.join(dir, 'hub'), [], {
        DROVER_HUB_PROBATION_SECONDS: '0',
        DROVER_HUB_WINDOW_SECONDS: '1',
      });
      await joinAgent(hub, data, 'press-1');
      const agent = await runAgent(data, ['--source', `${broker.url}/plant/press-1`]);
      const { version } = await registerOffset(hub, 100);
      expect(await deploy(hub, 'offset', version, ['press-1'])).toMatchObject([{ state: 'committed' }]);

      const sensor = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
      // The first message that arrives shows that the agent listens.
      await until('the agent to listen', async () => {
        await sensor.publishAsync('plant/press-1', JSON.stringify({ a: 0, b: 0 }), { qos: 1 });
        return (await readStatus(agent)).readings.taken > 0;
      });
      const { readings: before } = await readStatus(agent);
      for (let i = 0; i < 100; i++)
        await sensor.publishAsync('plant/press-1', JSON.stringify({ a: i, b: -i, unknown: 'x' }), { qos: 1 });
      for (const bad of ['', 'no json', '[1, 2]', '7', '{"a":'])
        await sensor.publishAsync('plant/press-1', bad, { qos: 1 });
      await sensor.publishAsync('plant/other', JSON.stringify({ a: 1, b: 1 }), { qos: 1 });
      const counted = async () => {
        const { readings } = await readStatus(agent);
        return readings.refused['reading_unreadable'] === 5 ? readings : undefined;
      };
      const readings = await until('all readings', counted);
      expect(readings.taken - before.taken).toBeGreaterThanOrEqual(100);
      expect(readings.refused).toEqual({ reading_unreadable: 5 });
      await until(
        'all predictions at the hub',
        async () => (await countPredictions(hub, 'press-1')) === (await readStatus(agent)).readings.taken,
      );
      await sensor.endAsync();
      expect(await agent.stop()).toBe(0);
    } finally {
      await broker.stop();
    }
  });
});
