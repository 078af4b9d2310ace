// Generated from packages/wire/proto/drover.proto by "npm run gen". Do not edit: change the .proto and run it again.
import * as $protobuf from "protobufjs/minimal.js";

/** Namespace drover. */
export namespace drover {

    /** Namespace v1. */
    namespace v1 {

        /**
         * Properties of an Envelope.
         * @deprecated Use drover.v1.Envelope.$Properties instead.
         */
        interface IEnvelope extends drover.v1.Envelope.$Properties {
        }

        /** Represents an Envelope. */
        class Envelope {

            /**
             * Constructs a new Envelope.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Envelope.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Envelope schema. */
            schema?: (number|null);

            /** Envelope sentAt. */
            sentAt?: (number|null);

            /** Envelope sentMono. */
            sentMono?: (number|null);

            /** Envelope hello. */
            hello?: (drover.v1.Hello.$Properties|null);

            /** Envelope state. */
            state?: (drover.v1.State.$Properties|null);

            /** Envelope up. */
            up?: (drover.v1.Up.$Properties|null);

            /** Envelope gone. */
            gone?: (drover.v1.Gone.$Properties|null);

            /** Envelope req. */
            req?: (drover.v1.Req.$Properties|null);

            /** Envelope desired. */
            desired?: (drover.v1.Desired.$Properties|null);

            /** Envelope ack. */
            ack?: (drover.v1.Ack.$Properties|null);

            /** Envelope cmd. */
            cmd?: (drover.v1.Cmd.$Properties|null);

            /** Envelope beat. */
            beat?: (drover.v1.Beat.$Properties|null);

            /** Envelope body. */
            body?: ("hello"|"state"|"up"|"gone"|"req"|"desired"|"ack"|"cmd"|"beat");

            /**
             * Encodes the specified Envelope message. Does not implicitly {@link drover.v1.Envelope.verify|verify} messages.
             * @param message Envelope message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Envelope.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Envelope message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Envelope & drover.v1.Envelope.$Shape} Envelope
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Envelope & drover.v1.Envelope.$Shape;
        }

        namespace Envelope {

            /** Properties of an Envelope. */
            interface $Properties {

                /** Envelope schema */
                schema?: (number|null);

                /** Envelope sentAt */
                sentAt?: (number|null);

                /** Envelope sentMono */
                sentMono?: (number|null);

                /** Envelope hello */
                hello?: (drover.v1.Hello.$Properties|null);

                /** Envelope state */
                state?: (drover.v1.State.$Properties|null);

                /** Envelope up */
                up?: (drover.v1.Up.$Properties|null);

                /** Envelope gone */
                gone?: (drover.v1.Gone.$Properties|null);

                /** Envelope req */
                req?: (drover.v1.Req.$Properties|null);

                /** Envelope desired */
                desired?: (drover.v1.Desired.$Properties|null);

                /** Envelope ack */
                ack?: (drover.v1.Ack.$Properties|null);

                /** Envelope cmd */
                cmd?: (drover.v1.Cmd.$Properties|null);

                /** Envelope beat */
                beat?: (drover.v1.Beat.$Properties|null);

                /** Envelope body */
                body?: ("hello"|"state"|"up"|"gone"|"req"|"desired"|"ack"|"cmd"|"beat");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of an Envelope. */
            type $Shape = {
              schema?: number|null;
              sentAt?: number|null;
              sentMono?: number|null;
              hello?: drover.v1.Hello.$Shape|null;
              state?: drover.v1.State.$Shape|null;
              up?: drover.v1.Up.$Shape|null;
              gone?: drover.v1.Gone.$Shape|null;
              req?: drover.v1.Req.$Shape|null;
              desired?: drover.v1.Desired.$Shape|null;
              ack?: drover.v1.Ack.$Shape|null;
              cmd?: drover.v1.Cmd.$Shape|null;
              beat?: drover.v1.Beat.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ body?: undefined; hello?: null; state?: null; up?: null; gone?: null; req?: null; desired?: null; ack?: null; cmd?: null; beat?: null }|{ body?: "hello"; hello: drover.v1.Hello.$Shape; state?: null; up?: null; gone?: null; req?: null; desired?: null; ack?: null; cmd?: null; beat?: null }|{ body?: "state"; hello?: null; state: drover.v1.State.$Shape; up?: null; gone?: null; req?: null; desired?: null; ack?: null; cmd?: null; beat?: null }|{ body?: "up"; hello?: null; state?: null; up: drover.v1.Up.$Shape; gone?: null; req?: null; desired?: null; ack?: null; cmd?: null; beat?: null }|{ body?: "gone"; hello?: null; state?: null; up?: null; gone: drover.v1.Gone.$Shape; req?: null; desired?: null; ack?: null; cmd?: null; beat?: null }|{ body?: "req"; hello?: null; state?: null; up?: null; gone?: null; req: drover.v1.Req.$Shape; desired?: null; ack?: null; cmd?: null; beat?: null }|{ body?: "desired"; hello?: null; state?: null; up?: null; gone?: null; req?: null; desired: drover.v1.Desired.$Shape; ack?: null; cmd?: null; beat?: null }|{ body?: "ack"; hello?: null; state?: null; up?: null; gone?: null; req?: null; desired?: null; ack: drover.v1.Ack.$Shape; cmd?: null; beat?: null }|{ body?: "cmd"; hello?: null; state?: null; up?: null; gone?: null; req?: null; desired?: null; ack?: null; cmd: drover.v1.Cmd.$Shape; beat?: null }|{ body?: "beat"; hello?: null; state?: null; up?: null; gone?: null; req?: null; desired?: null; ack?: null; cmd?: null; beat: drover.v1.Beat.$Shape })
            );
        }

        /**
         * Properties of a SlotReport.
         * @deprecated Use drover.v1.SlotReport.$Properties instead.
         */
        interface ISlotReport extends drover.v1.SlotReport.$Properties {
        }

        /** Represents a SlotReport. */
        class SlotReport {

            /**
             * Constructs a new SlotReport.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.SlotReport.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** SlotReport slot. */
            slot?: (string|null);

            /** SlotReport running. */
            running?: (Uint8Array|null);

            /** SlotReport previous. */
            previous?: (Uint8Array|null);

            /** SlotReport deploymentId. */
            deploymentId?: (string|null);

            /** SlotReport deploymentManifest. */
            deploymentManifest?: (Uint8Array|null);

            /** SlotReport state. */
            state?: (string|null);

            /** SlotReport code. */
            code?: (string|null);

            /** SlotReport detail. */
            detail?: (string|null);

            /** SlotReport revision. */
            revision?: (number|null);

            /** SlotReport enteredAt. */
            enteredAt?: (number|null);

            /** SlotReport bytesDone. */
            bytesDone?: (number|null);

            /** SlotReport bytesTotal. */
            bytesTotal?: (number|null);

            /**
             * Encodes the specified SlotReport message. Does not implicitly {@link drover.v1.SlotReport.verify|verify} messages.
             * @param message SlotReport message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.SlotReport.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a SlotReport message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.SlotReport & drover.v1.SlotReport.$Shape} SlotReport
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.SlotReport & drover.v1.SlotReport.$Shape;
        }

        namespace SlotReport {

            /** Properties of a SlotReport. */
            interface $Properties {

                /** SlotReport slot */
                slot?: (string|null);

                /** SlotReport running */
                running?: (Uint8Array|null);

                /** SlotReport previous */
                previous?: (Uint8Array|null);

                /** SlotReport deploymentId */
                deploymentId?: (string|null);

                /** SlotReport deploymentManifest */
                deploymentManifest?: (Uint8Array|null);

                /** SlotReport state */
                state?: (string|null);

                /** SlotReport code */
                code?: (string|null);

                /** SlotReport detail */
                detail?: (string|null);

                /** SlotReport revision */
                revision?: (number|null);

                /** SlotReport enteredAt */
                enteredAt?: (number|null);

                /** SlotReport bytesDone */
                bytesDone?: (number|null);

                /** SlotReport bytesTotal */
                bytesTotal?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a SlotReport. */
            type $Shape = drover.v1.SlotReport.$Properties;
        }

        /**
         * Properties of a Capabilities.
         * @deprecated Use drover.v1.Capabilities.$Properties instead.
         */
        interface ICapabilities extends drover.v1.Capabilities.$Properties {
        }

        /** Represents a Capabilities. */
        class Capabilities {

            /**
             * Constructs a new Capabilities.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Capabilities.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Capabilities runtime. */
            runtime?: (string|null);

            /** Capabilities runtimeVersion. */
            runtimeVersion?: (string|null);

            /** Capabilities arch. */
            arch?: (string|null);

            /** Capabilities platform. */
            platform?: (string|null);

            /** Capabilities maxOpset. */
            maxOpset?: (number|null);

            /** Capabilities maxMlOpset. */
            maxMlOpset?: (number|null);

            /** Capabilities maxIr. */
            maxIr?: (number|null);

            /** Capabilities memoryBytes. */
            memoryBytes?: (number|null);

            /**
             * Encodes the specified Capabilities message. Does not implicitly {@link drover.v1.Capabilities.verify|verify} messages.
             * @param message Capabilities message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Capabilities.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Capabilities message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Capabilities & drover.v1.Capabilities.$Shape} Capabilities
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Capabilities & drover.v1.Capabilities.$Shape;
        }

        namespace Capabilities {

            /** Properties of a Capabilities. */
            interface $Properties {

                /** Capabilities runtime */
                runtime?: (string|null);

                /** Capabilities runtimeVersion */
                runtimeVersion?: (string|null);

                /** Capabilities arch */
                arch?: (string|null);

                /** Capabilities platform */
                platform?: (string|null);

                /** Capabilities maxOpset */
                maxOpset?: (number|null);

                /** Capabilities maxMlOpset */
                maxMlOpset?: (number|null);

                /** Capabilities maxIr */
                maxIr?: (number|null);

                /** Capabilities memoryBytes */
                memoryBytes?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Capabilities. */
            type $Shape = drover.v1.Capabilities.$Properties;
        }

        /**
         * Properties of a Hello.
         * @deprecated Use drover.v1.Hello.$Properties instead.
         */
        interface IHello extends drover.v1.Hello.$Properties {
        }

        /** Represents a Hello. */
        class Hello {

            /**
             * Constructs a new Hello.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Hello.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Hello outboxId. */
            outboxId?: (string|null);

            /** Hello bootId. */
            bootId?: (string|null);

            /** Hello sessionId. */
            sessionId?: (string|null);

            /** Hello agentVersion. */
            agentVersion?: (string|null);

            /** Hello capabilities. */
            capabilities?: (drover.v1.Capabilities.$Properties|null);

            /** Hello generation. */
            generation?: (number|null);

            /** Hello slots. */
            slots: drover.v1.SlotReport.$Properties[];

            /** Hello oldestSeq. */
            oldestSeq?: (number|null);

            /** Hello nextSeq. */
            nextSeq?: (number|null);

            /**
             * Encodes the specified Hello message. Does not implicitly {@link drover.v1.Hello.verify|verify} messages.
             * @param message Hello message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Hello.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Hello message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Hello & drover.v1.Hello.$Shape} Hello
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Hello & drover.v1.Hello.$Shape;
        }

        namespace Hello {

            /** Properties of a Hello. */
            interface $Properties {

                /** Hello outboxId */
                outboxId?: (string|null);

                /** Hello bootId */
                bootId?: (string|null);

                /** Hello sessionId */
                sessionId?: (string|null);

                /** Hello agentVersion */
                agentVersion?: (string|null);

                /** Hello capabilities */
                capabilities?: (drover.v1.Capabilities.$Properties|null);

                /** Hello generation */
                generation?: (number|null);

                /** Hello slots */
                slots?: (drover.v1.SlotReport.$Properties[]|null);

                /** Hello oldestSeq */
                oldestSeq?: (number|null);

                /** Hello nextSeq */
                nextSeq?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Hello. */
            type $Shape = drover.v1.Hello.$Properties;
        }

        /**
         * Properties of a State.
         * @deprecated Use drover.v1.State.$Properties instead.
         */
        interface IState extends drover.v1.State.$Properties {
        }

        /** Represents a State. */
        class State {

            /**
             * Constructs a new State.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.State.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** State bootId. */
            bootId?: (string|null);

            /** State generation. */
            generation?: (number|null);

            /** State slots. */
            slots: drover.v1.SlotReport.$Properties[];

            /** State health. */
            health?: (drover.v1.Health.$Properties|null);

            /** State revision. */
            revision?: (number|null);

            /** State desiredCode. */
            desiredCode?: (string|null);

            /** State desiredDetail. */
            desiredDetail?: (string|null);

            /**
             * Encodes the specified State message. Does not implicitly {@link drover.v1.State.verify|verify} messages.
             * @param message State message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.State.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a State message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.State & drover.v1.State.$Shape} State
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.State & drover.v1.State.$Shape;
        }

        namespace State {

            /** Properties of a State. */
            interface $Properties {

                /** State bootId */
                bootId?: (string|null);

                /** State generation */
                generation?: (number|null);

                /** State slots */
                slots?: (drover.v1.SlotReport.$Properties[]|null);

                /** State health */
                health?: (drover.v1.Health.$Properties|null);

                /** State revision */
                revision?: (number|null);

                /** State desiredCode */
                desiredCode?: (string|null);

                /** State desiredDetail */
                desiredDetail?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a State. */
            type $Shape = drover.v1.State.$Properties;
        }

        /**
         * Properties of a Health.
         * @deprecated Use drover.v1.Health.$Properties instead.
         */
        interface IHealth extends drover.v1.Health.$Properties {
        }

        /** Represents a Health. */
        class Health {

            /**
             * Constructs a new Health.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Health.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Health rssBytes. */
            rssBytes?: (number|null);

            /** Health cpuRatio. */
            cpuRatio?: (number|null);

            /** Health diskFreeBytes. */
            diskFreeBytes?: (number|null);

            /** Health uptimeMs. */
            uptimeMs?: (number|null);

            /** Health outboxEntries. */
            outboxEntries?: (number|null);

            /** Health outboxBytes. */
            outboxBytes?: (number|null);

            /** Health outboxDropped. */
            outboxDropped?: (number|null);

            /**
             * Encodes the specified Health message. Does not implicitly {@link drover.v1.Health.verify|verify} messages.
             * @param message Health message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Health.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Health message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Health & drover.v1.Health.$Shape} Health
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Health & drover.v1.Health.$Shape;
        }

        namespace Health {

            /** Properties of a Health. */
            interface $Properties {

                /** Health rssBytes */
                rssBytes?: (number|null);

                /** Health cpuRatio */
                cpuRatio?: (number|null);

                /** Health diskFreeBytes */
                diskFreeBytes?: (number|null);

                /** Health uptimeMs */
                uptimeMs?: (number|null);

                /** Health outboxEntries */
                outboxEntries?: (number|null);

                /** Health outboxBytes */
                outboxBytes?: (number|null);

                /** Health outboxDropped */
                outboxDropped?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Health. */
            type $Shape = drover.v1.Health.$Properties;
        }

        /**
         * Properties of an Up.
         * @deprecated Use drover.v1.Up.$Properties instead.
         */
        interface IUp extends drover.v1.Up.$Properties {
        }

        /** Represents an Up. */
        class Up {

            /**
             * Constructs a new Up.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Up.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Up outboxId. */
            outboxId?: (string|null);

            /** Up bootId. */
            bootId?: (string|null);

            /** Up oldestSeq. */
            oldestSeq?: (number|null);

            /** Up items. */
            items: drover.v1.Item.$Properties[];

            /**
             * Encodes the specified Up message. Does not implicitly {@link drover.v1.Up.verify|verify} messages.
             * @param message Up message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Up.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Up message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Up & drover.v1.Up.$Shape} Up
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Up & drover.v1.Up.$Shape;
        }

        namespace Up {

            /** Properties of an Up. */
            interface $Properties {

                /** Up outboxId */
                outboxId?: (string|null);

                /** Up bootId */
                bootId?: (string|null);

                /** Up oldestSeq */
                oldestSeq?: (number|null);

                /** Up items */
                items?: (drover.v1.Item.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Up. */
            type $Shape = drover.v1.Up.$Properties;
        }

        /**
         * Properties of an Item.
         * @deprecated Use drover.v1.Item.$Properties instead.
         */
        interface IItem extends drover.v1.Item.$Properties {
        }

        /** Represents an Item. */
        class Item {

            /**
             * Constructs a new Item.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Item.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Item seq. */
            seq?: (number|null);

            /** Item body. */
            body?: (Uint8Array|null);

            /**
             * Encodes the specified Item message. Does not implicitly {@link drover.v1.Item.verify|verify} messages.
             * @param message Item message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Item.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Item message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Item & drover.v1.Item.$Shape} Item
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Item & drover.v1.Item.$Shape;
        }

        namespace Item {

            /** Properties of an Item. */
            interface $Properties {

                /** Item seq */
                seq?: (number|null);

                /** Item body */
                body?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Item. */
            type $Shape = drover.v1.Item.$Properties;
        }

        /**
         * Properties of an Entry.
         * @deprecated Use drover.v1.Entry.$Properties instead.
         */
        interface IEntry extends drover.v1.Entry.$Properties {
        }

        /** Represents an Entry. */
        class Entry {

            /**
             * Constructs a new Entry.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Entry.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Entry subject. */
            subject?: (string|null);

            /** Entry at. */
            at?: (number|null);

            /** Entry window. */
            window?: (drover.v1.Window.$Properties|null);

            /** Entry labels. */
            labels?: (drover.v1.Labels.$Properties|null);

            /** Entry deployment. */
            deployment?: (drover.v1.DeploymentReport.$Properties|null);

            /** Entry log. */
            log?: (drover.v1.Log.$Properties|null);

            /** Entry gap. */
            gap?: (drover.v1.Gap.$Properties|null);

            /** Entry cmdResult. */
            cmdResult?: (drover.v1.CmdResult.$Properties|null);

            /** Entry kind. */
            kind?: ("window"|"labels"|"deployment"|"log"|"gap"|"cmdResult");

            /**
             * Encodes the specified Entry message. Does not implicitly {@link drover.v1.Entry.verify|verify} messages.
             * @param message Entry message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Entry.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Entry message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Entry & drover.v1.Entry.$Shape} Entry
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Entry & drover.v1.Entry.$Shape;
        }

        namespace Entry {

            /** Properties of an Entry. */
            interface $Properties {

                /** Entry subject */
                subject?: (string|null);

                /** Entry at */
                at?: (number|null);

                /** Entry window */
                window?: (drover.v1.Window.$Properties|null);

                /** Entry labels */
                labels?: (drover.v1.Labels.$Properties|null);

                /** Entry deployment */
                deployment?: (drover.v1.DeploymentReport.$Properties|null);

                /** Entry log */
                log?: (drover.v1.Log.$Properties|null);

                /** Entry gap */
                gap?: (drover.v1.Gap.$Properties|null);

                /** Entry cmdResult */
                cmdResult?: (drover.v1.CmdResult.$Properties|null);

                /** Entry kind */
                kind?: ("window"|"labels"|"deployment"|"log"|"gap"|"cmdResult");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of an Entry. */
            type $Shape = {
              subject?: string|null;
              at?: number|null;
              window?: drover.v1.Window.$Shape|null;
              labels?: drover.v1.Labels.$Shape|null;
              deployment?: drover.v1.DeploymentReport.$Shape|null;
              log?: drover.v1.Log.$Shape|null;
              gap?: drover.v1.Gap.$Shape|null;
              cmdResult?: drover.v1.CmdResult.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; window?: null; labels?: null; deployment?: null; log?: null; gap?: null; cmdResult?: null }|{ kind?: "window"; window: drover.v1.Window.$Shape; labels?: null; deployment?: null; log?: null; gap?: null; cmdResult?: null }|{ kind?: "labels"; window?: null; labels: drover.v1.Labels.$Shape; deployment?: null; log?: null; gap?: null; cmdResult?: null }|{ kind?: "deployment"; window?: null; labels?: null; deployment: drover.v1.DeploymentReport.$Shape; log?: null; gap?: null; cmdResult?: null }|{ kind?: "log"; window?: null; labels?: null; deployment?: null; log: drover.v1.Log.$Shape; gap?: null; cmdResult?: null }|{ kind?: "gap"; window?: null; labels?: null; deployment?: null; log?: null; gap: drover.v1.Gap.$Shape; cmdResult?: null }|{ kind?: "cmdResult"; window?: null; labels?: null; deployment?: null; log?: null; gap?: null; cmdResult: drover.v1.CmdResult.$Shape })
            );
        }

        /**
         * Properties of a Window.
         * @deprecated Use drover.v1.Window.$Properties instead.
         */
        interface IWindow extends drover.v1.Window.$Properties {
        }

        /** Represents a Window. */
        class Window {

            /**
             * Constructs a new Window.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Window.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Window slot. */
            slot?: (string|null);

            /** Window role. */
            role?: (string|null);

            /** Window manifest. */
            manifest?: (Uint8Array|null);

            /** Window bootId. */
            bootId?: (string|null);

            /** Window number. */
            number?: (number|null);

            /** Window revision. */
            revision?: (number|null);

            /** Window startAt. */
            startAt?: (number|null);

            /** Window endAt. */
            endAt?: (number|null);

            /** Window firstMono. */
            firstMono?: (number|null);

            /** Window lastMono. */
            lastMono?: (number|null);

            /** Window rows. */
            rows?: (number|null);

            /** Window errors. */
            errors?: (number|null);

            /** Window closedBy. */
            closedBy?: (string|null);

            /** Window stats. */
            stats?: (Uint8Array|null);

            /**
             * Encodes the specified Window message. Does not implicitly {@link drover.v1.Window.verify|verify} messages.
             * @param message Window message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Window.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Window message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Window & drover.v1.Window.$Shape} Window
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Window & drover.v1.Window.$Shape;
        }

        namespace Window {

            /** Properties of a Window. */
            interface $Properties {

                /** Window slot */
                slot?: (string|null);

                /** Window role */
                role?: (string|null);

                /** Window manifest */
                manifest?: (Uint8Array|null);

                /** Window bootId */
                bootId?: (string|null);

                /** Window number */
                number?: (number|null);

                /** Window revision */
                revision?: (number|null);

                /** Window startAt */
                startAt?: (number|null);

                /** Window endAt */
                endAt?: (number|null);

                /** Window firstMono */
                firstMono?: (number|null);

                /** Window lastMono */
                lastMono?: (number|null);

                /** Window rows */
                rows?: (number|null);

                /** Window errors */
                errors?: (number|null);

                /** Window closedBy */
                closedBy?: (string|null);

                /** Window stats */
                stats?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Window. */
            type $Shape = drover.v1.Window.$Properties;
        }

        /**
         * Properties of a Labels.
         * @deprecated Use drover.v1.Labels.$Properties instead.
         */
        interface ILabels extends drover.v1.Labels.$Properties {
        }

        /** Represents a Labels. */
        class Labels {

            /**
             * Constructs a new Labels.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Labels.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Labels slot. */
            slot?: (string|null);

            /** Labels role. */
            role?: (string|null);

            /** Labels manifest. */
            manifest?: (Uint8Array|null);

            /** Labels bootId. */
            bootId?: (string|null);

            /** Labels number. */
            number?: (number|null);

            /** Labels revision. */
            revision?: (number|null);

            /** Labels startAt. */
            startAt?: (number|null);

            /** Labels labelled. */
            labelled?: (number|null);

            /** Labels unmatched. */
            unmatched?: (number|null);

            /** Labels counts. */
            counts?: (Uint8Array|null);

            /**
             * Encodes the specified Labels message. Does not implicitly {@link drover.v1.Labels.verify|verify} messages.
             * @param message Labels message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Labels.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Labels message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Labels & drover.v1.Labels.$Shape} Labels
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Labels & drover.v1.Labels.$Shape;
        }

        namespace Labels {

            /** Properties of a Labels. */
            interface $Properties {

                /** Labels slot */
                slot?: (string|null);

                /** Labels role */
                role?: (string|null);

                /** Labels manifest */
                manifest?: (Uint8Array|null);

                /** Labels bootId */
                bootId?: (string|null);

                /** Labels number */
                number?: (number|null);

                /** Labels revision */
                revision?: (number|null);

                /** Labels startAt */
                startAt?: (number|null);

                /** Labels labelled */
                labelled?: (number|null);

                /** Labels unmatched */
                unmatched?: (number|null);

                /** Labels counts */
                counts?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Labels. */
            type $Shape = drover.v1.Labels.$Properties;
        }

        /**
         * Properties of a DeploymentReport.
         * @deprecated Use drover.v1.DeploymentReport.$Properties instead.
         */
        interface IDeploymentReport extends drover.v1.DeploymentReport.$Properties {
        }

        /** Represents a DeploymentReport. */
        class DeploymentReport {

            /**
             * Constructs a new DeploymentReport.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.DeploymentReport.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** DeploymentReport deploymentId. */
            deploymentId?: (string|null);

            /** DeploymentReport slot. */
            slot?: (string|null);

            /** DeploymentReport manifest. */
            manifest?: (Uint8Array|null);

            /** DeploymentReport state. */
            state?: (string|null);

            /** DeploymentReport revision. */
            revision?: (number|null);

            /** DeploymentReport code. */
            code?: (string|null);

            /** DeploymentReport detail. */
            detail?: (string|null);

            /** DeploymentReport generation. */
            generation?: (number|null);

            /**
             * Encodes the specified DeploymentReport message. Does not implicitly {@link drover.v1.DeploymentReport.verify|verify} messages.
             * @param message DeploymentReport message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.DeploymentReport.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a DeploymentReport message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.DeploymentReport & drover.v1.DeploymentReport.$Shape} DeploymentReport
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.DeploymentReport & drover.v1.DeploymentReport.$Shape;
        }

        namespace DeploymentReport {

            /** Properties of a DeploymentReport. */
            interface $Properties {

                /** DeploymentReport deploymentId */
                deploymentId?: (string|null);

                /** DeploymentReport slot */
                slot?: (string|null);

                /** DeploymentReport manifest */
                manifest?: (Uint8Array|null);

                /** DeploymentReport state */
                state?: (string|null);

                /** DeploymentReport revision */
                revision?: (number|null);

                /** DeploymentReport code */
                code?: (string|null);

                /** DeploymentReport detail */
                detail?: (string|null);

                /** DeploymentReport generation */
                generation?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a DeploymentReport. */
            type $Shape = drover.v1.DeploymentReport.$Properties;
        }

        /**
         * Properties of a Log.
         * @deprecated Use drover.v1.Log.$Properties instead.
         */
        interface ILog extends drover.v1.Log.$Properties {
        }

        /** Represents a Log. */
        class Log {

            /**
             * Constructs a new Log.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Log.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Log level. */
            level?: (number|null);

            /** Log message. */
            message?: (string|null);

            /** Log code. */
            code?: (string|null);

            /**
             * Encodes the specified Log message. Does not implicitly {@link drover.v1.Log.verify|verify} messages.
             * @param message Log message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Log.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Log message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Log & drover.v1.Log.$Shape} Log
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Log & drover.v1.Log.$Shape;
        }

        namespace Log {

            /** Properties of a Log. */
            interface $Properties {

                /** Log level */
                level?: (number|null);

                /** Log message */
                message?: (string|null);

                /** Log code */
                code?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Log. */
            type $Shape = drover.v1.Log.$Properties;
        }

        /**
         * Properties of a Gap.
         * @deprecated Use drover.v1.Gap.$Properties instead.
         */
        interface IGap extends drover.v1.Gap.$Properties {
        }

        /** Represents a Gap. */
        class Gap {

            /**
             * Constructs a new Gap.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Gap.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Gap fromSeq. */
            fromSeq?: (number|null);

            /** Gap toSeq. */
            toSeq?: (number|null);

            /** Gap entries. */
            entries?: (number|null);

            /** Gap bytes. */
            bytes?: (number|null);

            /**
             * Encodes the specified Gap message. Does not implicitly {@link drover.v1.Gap.verify|verify} messages.
             * @param message Gap message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Gap.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Gap message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Gap & drover.v1.Gap.$Shape} Gap
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Gap & drover.v1.Gap.$Shape;
        }

        namespace Gap {

            /** Properties of a Gap. */
            interface $Properties {

                /** Gap fromSeq */
                fromSeq?: (number|null);

                /** Gap toSeq */
                toSeq?: (number|null);

                /** Gap entries */
                entries?: (number|null);

                /** Gap bytes */
                bytes?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Gap. */
            type $Shape = drover.v1.Gap.$Properties;
        }

        /**
         * Properties of a CmdResult.
         * @deprecated Use drover.v1.CmdResult.$Properties instead.
         */
        interface ICmdResult extends drover.v1.CmdResult.$Properties {
        }

        /** Represents a CmdResult. */
        class CmdResult {

            /**
             * Constructs a new CmdResult.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.CmdResult.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** CmdResult cmdId. */
            cmdId?: (string|null);

            /** CmdResult ok. */
            ok?: (boolean|null);

            /** CmdResult code. */
            code?: (string|null);

            /** CmdResult detail. */
            detail?: (string|null);

            /**
             * Encodes the specified CmdResult message. Does not implicitly {@link drover.v1.CmdResult.verify|verify} messages.
             * @param message CmdResult message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.CmdResult.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a CmdResult message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.CmdResult & drover.v1.CmdResult.$Shape} CmdResult
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.CmdResult & drover.v1.CmdResult.$Shape;
        }

        namespace CmdResult {

            /** Properties of a CmdResult. */
            interface $Properties {

                /** CmdResult cmdId */
                cmdId?: (string|null);

                /** CmdResult ok */
                ok?: (boolean|null);

                /** CmdResult code */
                code?: (string|null);

                /** CmdResult detail */
                detail?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a CmdResult. */
            type $Shape = drover.v1.CmdResult.$Properties;
        }

        /**
         * Properties of a Gone.
         * @deprecated Use drover.v1.Gone.$Properties instead.
         */
        interface IGone extends drover.v1.Gone.$Properties {
        }

        /** Represents a Gone. */
        class Gone {

            /**
             * Constructs a new Gone.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Gone.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Gone sessionId. */
            sessionId?: (string|null);

            /** Gone bootId. */
            bootId?: (string|null);

            /**
             * Encodes the specified Gone message. Does not implicitly {@link drover.v1.Gone.verify|verify} messages.
             * @param message Gone message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Gone.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Gone message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Gone & drover.v1.Gone.$Shape} Gone
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Gone & drover.v1.Gone.$Shape;
        }

        namespace Gone {

            /** Properties of a Gone. */
            interface $Properties {

                /** Gone sessionId */
                sessionId?: (string|null);

                /** Gone bootId */
                bootId?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Gone. */
            type $Shape = drover.v1.Gone.$Properties;
        }

        /**
         * Properties of a Req.
         * @deprecated Use drover.v1.Req.$Properties instead.
         */
        interface IReq extends drover.v1.Req.$Properties {
        }

        /** Represents a Req. */
        class Req {

            /**
             * Constructs a new Req.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Req.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Req digest. */
            digest?: (Uint8Array|null);

            /** Req first. */
            first?: (number|null);

            /** Req count. */
            count?: (number|null);

            /** Req request. */
            request?: (number|null);

            /**
             * Encodes the specified Req message. Does not implicitly {@link drover.v1.Req.verify|verify} messages.
             * @param message Req message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Req.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Req message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Req & drover.v1.Req.$Shape} Req
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Req & drover.v1.Req.$Shape;
        }

        namespace Req {

            /** Properties of a Req. */
            interface $Properties {

                /** Req digest */
                digest?: (Uint8Array|null);

                /** Req first */
                first?: (number|null);

                /** Req count */
                count?: (number|null);

                /** Req request */
                request?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Req. */
            type $Shape = drover.v1.Req.$Properties;
        }

        /**
         * Properties of a Dsse.
         * @deprecated Use drover.v1.Dsse.$Properties instead.
         */
        interface IDsse extends drover.v1.Dsse.$Properties {
        }

        /** Represents a Dsse. */
        class Dsse {

            /**
             * Constructs a new Dsse.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Dsse.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Dsse payloadType. */
            payloadType?: (string|null);

            /** Dsse payload. */
            payload?: (Uint8Array|null);

            /** Dsse signatures. */
            signatures: drover.v1.Signature.$Properties[];

            /**
             * Encodes the specified Dsse message. Does not implicitly {@link drover.v1.Dsse.verify|verify} messages.
             * @param message Dsse message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Dsse.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Dsse message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Dsse & drover.v1.Dsse.$Shape} Dsse
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Dsse & drover.v1.Dsse.$Shape;
        }

        namespace Dsse {

            /** Properties of a Dsse. */
            interface $Properties {

                /** Dsse payloadType */
                payloadType?: (string|null);

                /** Dsse payload */
                payload?: (Uint8Array|null);

                /** Dsse signatures */
                signatures?: (drover.v1.Signature.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Dsse. */
            type $Shape = drover.v1.Dsse.$Properties;
        }

        /**
         * Properties of a Signature.
         * @deprecated Use drover.v1.Signature.$Properties instead.
         */
        interface ISignature extends drover.v1.Signature.$Properties {
        }

        /** Represents a Signature. */
        class Signature {

            /**
             * Constructs a new Signature.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Signature.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Signature keyid. */
            keyid?: (string|null);

            /** Signature sig. */
            sig?: (Uint8Array|null);

            /**
             * Encodes the specified Signature message. Does not implicitly {@link drover.v1.Signature.verify|verify} messages.
             * @param message Signature message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Signature.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Signature message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Signature & drover.v1.Signature.$Shape} Signature
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Signature & drover.v1.Signature.$Shape;
        }

        namespace Signature {

            /** Properties of a Signature. */
            interface $Properties {

                /** Signature keyid */
                keyid?: (string|null);

                /** Signature sig */
                sig?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Signature. */
            type $Shape = drover.v1.Signature.$Properties;
        }

        /**
         * Properties of a Desired.
         * @deprecated Use drover.v1.Desired.$Properties instead.
         */
        interface IDesired extends drover.v1.Desired.$Properties {
        }

        /** Represents a Desired. */
        class Desired {

            /**
             * Constructs a new Desired.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Desired.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Desired document. */
            document?: (drover.v1.Dsse.$Properties|null);

            /** Desired manifests. */
            manifests: drover.v1.Dsse.$Properties[];

            /**
             * Encodes the specified Desired message. Does not implicitly {@link drover.v1.Desired.verify|verify} messages.
             * @param message Desired message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Desired.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Desired message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Desired & drover.v1.Desired.$Shape} Desired
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Desired & drover.v1.Desired.$Shape;
        }

        namespace Desired {

            /** Properties of a Desired. */
            interface $Properties {

                /** Desired document */
                document?: (drover.v1.Dsse.$Properties|null);

                /** Desired manifests */
                manifests?: (drover.v1.Dsse.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Desired. */
            type $Shape = drover.v1.Desired.$Properties;
        }

        /**
         * Properties of an Ack.
         * @deprecated Use drover.v1.Ack.$Properties instead.
         */
        interface IAck extends drover.v1.Ack.$Properties {
        }

        /** Represents an Ack. */
        class Ack {

            /**
             * Constructs a new Ack.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Ack.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Ack outboxId. */
            outboxId?: (string|null);

            /** Ack lastSeq. */
            lastSeq?: (number|null);

            /** Ack refused. */
            refused: drover.v1.Refused.$Properties[];

            /** Ack paceMs. */
            paceMs?: (number|null);

            /**
             * Encodes the specified Ack message. Does not implicitly {@link drover.v1.Ack.verify|verify} messages.
             * @param message Ack message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Ack.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Ack message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Ack & drover.v1.Ack.$Shape} Ack
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Ack & drover.v1.Ack.$Shape;
        }

        namespace Ack {

            /** Properties of an Ack. */
            interface $Properties {

                /** Ack outboxId */
                outboxId?: (string|null);

                /** Ack lastSeq */
                lastSeq?: (number|null);

                /** Ack refused */
                refused?: (drover.v1.Refused.$Properties[]|null);

                /** Ack paceMs */
                paceMs?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Ack. */
            type $Shape = drover.v1.Ack.$Properties;
        }

        /**
         * Properties of a Refused.
         * @deprecated Use drover.v1.Refused.$Properties instead.
         */
        interface IRefused extends drover.v1.Refused.$Properties {
        }

        /** Represents a Refused. */
        class Refused {

            /**
             * Constructs a new Refused.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Refused.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Refused seq. */
            seq?: (number|null);

            /** Refused code. */
            code?: (string|null);

            /** Refused detail. */
            detail?: (string|null);

            /**
             * Encodes the specified Refused message. Does not implicitly {@link drover.v1.Refused.verify|verify} messages.
             * @param message Refused message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Refused.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Refused message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Refused & drover.v1.Refused.$Shape} Refused
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Refused & drover.v1.Refused.$Shape;
        }

        namespace Refused {

            /** Properties of a Refused. */
            interface $Properties {

                /** Refused seq */
                seq?: (number|null);

                /** Refused code */
                code?: (string|null);

                /** Refused detail */
                detail?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Refused. */
            type $Shape = drover.v1.Refused.$Properties;
        }

        /**
         * Properties of a Cmd.
         * @deprecated Use drover.v1.Cmd.$Properties instead.
         */
        interface ICmd extends drover.v1.Cmd.$Properties {
        }

        /** Represents a Cmd. */
        class Cmd {

            /**
             * Constructs a new Cmd.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Cmd.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Cmd id. */
            id?: (string|null);

            /** Cmd expiresAt. */
            expiresAt?: (number|null);

            /** Cmd requestState. */
            requestState?: (drover.v1.RequestState.$Properties|null);

            /** Cmd pushLabels. */
            pushLabels?: (drover.v1.PushLabels.$Properties|null);

            /** Cmd chunkRefused. */
            chunkRefused?: (drover.v1.ChunkRefused.$Properties|null);

            /** Cmd kind. */
            kind?: ("requestState"|"pushLabels"|"chunkRefused");

            /**
             * Encodes the specified Cmd message. Does not implicitly {@link drover.v1.Cmd.verify|verify} messages.
             * @param message Cmd message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Cmd.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Cmd message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Cmd & drover.v1.Cmd.$Shape} Cmd
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Cmd & drover.v1.Cmd.$Shape;
        }

        namespace Cmd {

            /** Properties of a Cmd. */
            interface $Properties {

                /** Cmd id */
                id?: (string|null);

                /** Cmd expiresAt */
                expiresAt?: (number|null);

                /** Cmd requestState */
                requestState?: (drover.v1.RequestState.$Properties|null);

                /** Cmd pushLabels */
                pushLabels?: (drover.v1.PushLabels.$Properties|null);

                /** Cmd chunkRefused */
                chunkRefused?: (drover.v1.ChunkRefused.$Properties|null);

                /** Cmd kind */
                kind?: ("requestState"|"pushLabels"|"chunkRefused");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of a Cmd. */
            type $Shape = {
              id?: string|null;
              expiresAt?: number|null;
              requestState?: drover.v1.RequestState.$Shape|null;
              pushLabels?: drover.v1.PushLabels.$Shape|null;
              chunkRefused?: drover.v1.ChunkRefused.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; requestState?: null; pushLabels?: null; chunkRefused?: null }|{ kind?: "requestState"; requestState: drover.v1.RequestState.$Shape; pushLabels?: null; chunkRefused?: null }|{ kind?: "pushLabels"; requestState?: null; pushLabels: drover.v1.PushLabels.$Shape; chunkRefused?: null }|{ kind?: "chunkRefused"; requestState?: null; pushLabels?: null; chunkRefused: drover.v1.ChunkRefused.$Shape })
            );
        }

        /**
         * Properties of a RequestState.
         * @deprecated Use drover.v1.RequestState.$Properties instead.
         */
        interface IRequestState extends drover.v1.RequestState.$Properties {
        }

        /** Represents a RequestState. */
        class RequestState {

            /**
             * Constructs a new RequestState.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.RequestState.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /**
             * Encodes the specified RequestState message. Does not implicitly {@link drover.v1.RequestState.verify|verify} messages.
             * @param message RequestState message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.RequestState.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a RequestState message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.RequestState & drover.v1.RequestState.$Shape} RequestState
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.RequestState & drover.v1.RequestState.$Shape;
        }

        namespace RequestState {

            /** Properties of a RequestState. */
            interface $Properties {

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a RequestState. */
            type $Shape = drover.v1.RequestState.$Properties;
        }

        /**
         * Properties of a ChunkRefused.
         * @deprecated Use drover.v1.ChunkRefused.$Properties instead.
         */
        interface IChunkRefused extends drover.v1.ChunkRefused.$Properties {
        }

        /** Represents a ChunkRefused. */
        class ChunkRefused {

            /**
             * Constructs a new ChunkRefused.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.ChunkRefused.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** ChunkRefused digest. */
            digest?: (Uint8Array|null);

            /** ChunkRefused code. */
            code?: (string|null);

            /** ChunkRefused detail. */
            detail?: (string|null);

            /**
             * Encodes the specified ChunkRefused message. Does not implicitly {@link drover.v1.ChunkRefused.verify|verify} messages.
             * @param message ChunkRefused message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.ChunkRefused.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a ChunkRefused message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.ChunkRefused & drover.v1.ChunkRefused.$Shape} ChunkRefused
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.ChunkRefused & drover.v1.ChunkRefused.$Shape;
        }

        namespace ChunkRefused {

            /** Properties of a ChunkRefused. */
            interface $Properties {

                /** ChunkRefused digest */
                digest?: (Uint8Array|null);

                /** ChunkRefused code */
                code?: (string|null);

                /** ChunkRefused detail */
                detail?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a ChunkRefused. */
            type $Shape = drover.v1.ChunkRefused.$Properties;
        }

        /**
         * Properties of a PushLabels.
         * @deprecated Use drover.v1.PushLabels.$Properties instead.
         */
        interface IPushLabels extends drover.v1.PushLabels.$Properties {
        }

        /** Represents a PushLabels. */
        class PushLabels {

            /**
             * Constructs a new PushLabels.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.PushLabels.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** PushLabels labels. */
            labels: drover.v1.Label.$Properties[];

            /**
             * Encodes the specified PushLabels message. Does not implicitly {@link drover.v1.PushLabels.verify|verify} messages.
             * @param message PushLabels message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.PushLabels.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a PushLabels message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.PushLabels & drover.v1.PushLabels.$Shape} PushLabels
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.PushLabels & drover.v1.PushLabels.$Shape;
        }

        namespace PushLabels {

            /** Properties of a PushLabels. */
            interface $Properties {

                /** PushLabels labels */
                labels?: (drover.v1.Label.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a PushLabels. */
            type $Shape = {
              labels?: drover.v1.Label.$Shape[]|null;
              $unknowns?: Uint8Array[];
            };
        }

        /**
         * Properties of a Label.
         * @deprecated Use drover.v1.Label.$Properties instead.
         */
        interface ILabel extends drover.v1.Label.$Properties {
        }

        /** Represents a Label. */
        class Label {

            /**
             * Constructs a new Label.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Label.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Label predictionId. */
            predictionId?: (string|null);

            /** Label class. */
            class?: (string|null);

            /** Label value. */
            value?: (number|null);

            /** Label truth. */
            truth?: ("class"|"value");

            /**
             * Encodes the specified Label message. Does not implicitly {@link drover.v1.Label.verify|verify} messages.
             * @param message Label message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Label.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Label message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Label & drover.v1.Label.$Shape} Label
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Label & drover.v1.Label.$Shape;
        }

        namespace Label {

            /** Properties of a Label. */
            interface $Properties {

                /** Label predictionId */
                predictionId?: (string|null);

                /** Label class */
                "class"?: (string|null);

                /** Label value */
                value?: (number|null);

                /** Label truth */
                truth?: ("class"|"value");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of a Label. */
            type $Shape = {
              predictionId?: string|null;
              "class"?: string|null;
              value?: number|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ truth?: undefined; "class"?: null; value?: null }|{ truth?: "class"; "class": string; value?: null }|{ truth?: "value"; "class"?: null; value: number })
            );
        }

        /**
         * Properties of a Beat.
         * @deprecated Use drover.v1.Beat.$Properties instead.
         */
        interface IBeat extends drover.v1.Beat.$Properties {
        }

        /** Represents a Beat. */
        class Beat {

            /**
             * Constructs a new Beat.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Beat.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Beat hubId. */
            hubId?: (string|null);

            /** Beat at. */
            at?: (number|null);

            /**
             * Encodes the specified Beat message. Does not implicitly {@link drover.v1.Beat.verify|verify} messages.
             * @param message Beat message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Beat.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Beat message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Beat & drover.v1.Beat.$Shape} Beat
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Beat & drover.v1.Beat.$Shape;
        }

        namespace Beat {

            /** Properties of a Beat. */
            interface $Properties {

                /** Beat hubId */
                hubId?: (string|null);

                /** Beat at */
                at?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Beat. */
            type $Shape = drover.v1.Beat.$Properties;
        }
    }
}
