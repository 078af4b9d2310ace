// Serves alerts, incidents, silences, rules and notices. Never decides one.

import {
  AlertQuery,
  AlertRuleBody,
  AlertRules,
  AlertRuleView,
  Alerts,
  FeedbackRequest,
  IncidentDetail,
  IncidentQuery,
  Incidents,
  IncidentView,
  Notices,
  Queued,
  SilenceRequest,
  Silences,
  SilenceView,
} from '@drover/wire/http/alerts';
import { Id, Name } from '@drover/wire/http/common';
import Type from 'typebox';
import type { Alerting } from '../alerts/open-alerting.ts';
import { problemResponses, sendRefusal } from './errors.ts';
import type { Api } from './server.ts';

const tags = ['alerts'];
const One = Type.Object({ id: Id });
const Named = Type.Object({ id: Name });
const Nothing = Type.Null();

export function addAlertRoutes(api: Api, alerting: Alerting): void {
  const { desk } = alerting;
  api.get(
    '/api/v1/incidents',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'What happens now, newest first',
        querystring: IncidentQuery,
        response: { 200: Incidents, ...problemResponses },
      },
    },
    async ({ query }) => ({ items: await desk.incidents(query.all !== true, query.limit ?? 200) }),
  );
  api.get(
    '/api/v1/incidents/:id',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'One incident with its alerts',
        params: One,
        response: { 200: IncidentDetail, ...problemResponses },
      },
    },
    async (request, reply) => {
      const found = await desk.incident(request.params.id);
      return found.ok ? reply.send(found.value) : sendRefusal(reply, found);
    },
  );
  api.post(
    '/api/v1/incidents/:id/acknowledge',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Take an incident on',
        params: One,
        response: { 200: IncidentView, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await desk.acknowledge(request.params.id, request.actor);
      return done.ok ? reply.send(done.value) : sendRefusal(reply, done);
    },
  );
  api.post(
    '/api/v1/incidents/:id/feedback',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Say whether it was real: noise makes such alerts hold longer',
        params: One,
        body: FeedbackRequest,
        response: { 200: IncidentView, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await desk.feedback(request.params.id, request.body.said, request.actor);
      return done.ok ? reply.send(done.value) : sendRefusal(reply, done);
    },
  );
  api.get(
    '/api/v1/alerts',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Alerts that are not over',
        querystring: AlertQuery,
        response: { 200: Alerts, ...problemResponses },
      },
    },
    async ({ query }) => ({ items: await desk.alerts(query.device, query.limit ?? 200) }),
  );
  addRuleRoutes(api, alerting);
  addSilenceRoutes(api, alerting);
  addNoticeRoutes(api, alerting);
}

function addRuleRoutes(api: Api, { desk }: Alerting): void {
  api.get(
    '/api/v1/alert-rules',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'Rules, and what feedback made of them',
        response: { 200: AlertRules, ...problemResponses },
      },
    },
    async () => desk.rules(),
  );
  api.put(
    '/api/v1/alert-rules/:id',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Make or change a rule',
        params: Named,
        body: AlertRuleBody,
        response: { 200: AlertRuleView, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await desk.setRule({ id: request.params.id, ...request.body }, request.actor);
      return done.ok ? reply.send(done.value) : sendRefusal(reply, done);
    },
  );
  api.delete(
    '/api/v1/alert-rules/:id',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Remove a rule; one that ships is again as it ships',
        params: Named,
        response: { 204: Nothing, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await desk.removeRule(request.params.id, request.actor);
      return done.ok ? reply.status(204).send(null) : sendRefusal(reply, done);
    },
  );
}

function addSilenceRoutes(api: Api, { desk }: Alerting): void {
  api.get(
    '/api/v1/silences',
    {
      config: { needs: 'viewer' },
      schema: { tags, summary: 'Silences that are not over', response: { 200: Silences, ...problemResponses } },
    },
    async () => ({ items: await desk.silences() }),
  );
  api.post(
    '/api/v1/silences',
    {
      config: { needs: 'operator' },
      schema: {
        tags,
        summary: 'Say nothing of some alerts for a while',
        body: SilenceRequest,
        response: { 201: SilenceView, ...problemResponses },
      },
    },
    async (request, reply) => {
      const done = await desk.silence(request.body, request.actor);
      return done.ok ? reply.status(201).send(done.value) : sendRefusal(reply, done);
    },
  );
  api.delete(
    '/api/v1/silences/:id',
    {
      config: { needs: 'operator' },
      schema: { tags, summary: 'End a silence now', params: One, response: { 204: Nothing, ...problemResponses } },
    },
    async (request, reply) => {
      const done = await desk.endSilence(request.params.id, request.actor);
      return done.ok ? reply.status(204).send(null) : sendRefusal(reply, done);
    },
  );
}

function addNoticeRoutes(api: Api, { desk }: Alerting): void {
  api.get(
    '/api/v1/notices',
    {
      config: { needs: 'viewer' },
      schema: {
        tags,
        summary: 'What was and is to be said, newest first',
        response: { 200: Notices, ...problemResponses },
      },
    },
    async () => desk.notices(),
  );
  api.post(
    '/api/v1/notices/test',
    {
      config: { needs: 'operator' },
      schema: { tags, summary: 'Send a test to each channel', response: { 202: Queued, ...problemResponses } },
    },
    async (request, reply) => reply.status(202).send({ queued: await desk.test(request.actor) }),
  );
  api.post(
    '/api/v1/notices/retry',
    {
      config: { needs: 'operator' },
      schema: { tags, summary: 'Try those again that were given up', response: { 202: Queued, ...problemResponses } },
    },
    async (request, reply) => reply.status(202).send({ queued: await desk.retry(request.actor) }),
  );
}
