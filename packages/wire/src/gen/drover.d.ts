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

            /** Envelope metadataReq. */
            metadataReq?: (drover.v1.MetadataReq.$Properties|null);

            /** Envelope desired. */
            desired?: (drover.v1.Desired.$Properties|null);

            /** Envelope ack. */
            ack?: (drover.v1.Ack.$Properties|null);

            /** Envelope cmd. */
            cmd?: (drover.v1.Cmd.$Properties|null);

            /** Envelope beat. */
            beat?: (drover.v1.Beat.$Properties|null);

            /** Envelope metadata. */
            metadata?: (drover.v1.Metadata.$Properties|null);

            /** Envelope body. */
            body?: ("hello"|"state"|"up"|"gone"|"req"|"metadataReq"|"desired"|"ack"|"cmd"|"beat"|"metadata");

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

                /** Envelope metadataReq */
                metadataReq?: (drover.v1.MetadataReq.$Properties|null);

                /** Envelope desired */
                desired?: (drover.v1.Desired.$Properties|null);

                /** Envelope ack */
                ack?: (drover.v1.Ack.$Properties|null);

                /** Envelope cmd */
                cmd?: (drover.v1.Cmd.$Properties|null);

                /** Envelope beat */
                beat?: (drover.v1.Beat.$Properties|null);

                /** Envelope metadata */
                metadata?: (drover.v1.Metadata.$Properties|null);

                /** Envelope body */
                body?: ("hello"|"state"|"up"|"gone"|"req"|"metadataReq"|"desired"|"ack"|"cmd"|"beat"|"metadata");

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
              metadataReq?: drover.v1.MetadataReq.$Shape|null;
              desired?: drover.v1.Desired.$Shape|null;
              ack?: drover.v1.Ack.$Shape|null;
              cmd?: drover.v1.Cmd.$Shape|null;
              beat?: drover.v1.Beat.$Shape|null;
              metadata?: drover.v1.Metadata.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ body?: undefined; hello?: null; state?: null; up?: null; gone?: null; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "hello"; hello: drover.v1.Hello.$Shape; state?: null; up?: null; gone?: null; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "state"; hello?: null; state: drover.v1.State.$Shape; up?: null; gone?: null; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "up"; hello?: null; state?: null; up: drover.v1.Up.$Shape; gone?: null; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "gone"; hello?: null; state?: null; up?: null; gone: drover.v1.Gone.$Shape; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "req"; hello?: null; state?: null; up?: null; gone?: null; req: drover.v1.Req.$Shape; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "metadataReq"; hello?: null; state?: null; up?: null; gone?: null; req?: null; metadataReq: drover.v1.MetadataReq.$Shape; desired?: null; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "desired"; hello?: null; state?: null; up?: null; gone?: null; req?: null; metadataReq?: null; desired: drover.v1.Desired.$Shape; ack?: null; cmd?: null; beat?: null; metadata?: null }|{ body?: "ack"; hello?: null; state?: null; up?: null; gone?: null; req?: null; metadataReq?: null; desired?: null; ack: drover.v1.Ack.$Shape; cmd?: null; beat?: null; metadata?: null }|{ body?: "cmd"; hello?: null; state?: null; up?: null; gone?: null; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd: drover.v1.Cmd.$Shape; beat?: null; metadata?: null }|{ body?: "beat"; hello?: null; state?: null; up?: null; gone?: null; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat: drover.v1.Beat.$Shape; metadata?: null }|{ body?: "metadata"; hello?: null; state?: null; up?: null; gone?: null; req?: null; metadataReq?: null; desired?: null; ack?: null; cmd?: null; beat?: null; metadata: drover.v1.Metadata.$Shape })
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

            /** Capabilities sealingKey. */
            sealingKey?: (string|null);

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

                /** Capabilities sealingKey */
                sealingKey?: (string|null);

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

            /** Hello cacheUrl. */
            cacheUrl?: (string|null);

            /** Hello features. */
            features: string[];

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

                /** Hello cacheUrl */
                cacheUrl?: (string|null);

                /** Hello features */
                features?: (string[]|null);

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

            /** Health answerReasons. */
            answerReasons: drover.v1.ReasonCount.$Properties[];

            /** Health readings. */
            readings: drover.v1.Reading.$Properties[];

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

                /** Health answerReasons */
                answerReasons?: (drover.v1.ReasonCount.$Properties[]|null);

                /** Health readings */
                readings?: (drover.v1.Reading.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Health. */
            type $Shape = drover.v1.Health.$Properties;
        }

        /**
         * Properties of a Reading.
         * @deprecated Use drover.v1.Reading.$Properties instead.
         */
        interface IReading extends drover.v1.Reading.$Properties {
        }

        /** Represents a Reading. */
        class Reading {

            /**
             * Constructs a new Reading.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Reading.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Reading name. */
            name?: (string|null);

            /** Reading value. */
            value?: (number|null);

            /**
             * Encodes the specified Reading message. Does not implicitly {@link drover.v1.Reading.verify|verify} messages.
             * @param message Reading message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Reading.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Reading message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Reading & drover.v1.Reading.$Shape} Reading
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Reading & drover.v1.Reading.$Shape;
        }

        namespace Reading {

            /** Properties of a Reading. */
            interface $Properties {

                /** Reading name */
                name?: (string|null);

                /** Reading value */
                value?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Reading. */
            type $Shape = drover.v1.Reading.$Properties;
        }

        /**
         * Properties of a ReasonCount.
         * @deprecated Use drover.v1.ReasonCount.$Properties instead.
         */
        interface IReasonCount extends drover.v1.ReasonCount.$Properties {
        }

        /** Represents a ReasonCount. */
        class ReasonCount {

            /**
             * Constructs a new ReasonCount.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.ReasonCount.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** ReasonCount code. */
            code?: (string|null);

            /** ReasonCount count. */
            count?: (number|null);

            /**
             * Encodes the specified ReasonCount message. Does not implicitly {@link drover.v1.ReasonCount.verify|verify} messages.
             * @param message ReasonCount message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.ReasonCount.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a ReasonCount message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.ReasonCount & drover.v1.ReasonCount.$Shape} ReasonCount
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.ReasonCount & drover.v1.ReasonCount.$Shape;
        }

        namespace ReasonCount {

            /** Properties of a ReasonCount. */
            interface $Properties {

                /** ReasonCount code */
                code?: (string|null);

                /** ReasonCount count */
                count?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a ReasonCount. */
            type $Shape = drover.v1.ReasonCount.$Properties;
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

            /** Entry samples. */
            samples?: (drover.v1.Samples.$Properties|null);

            /** Entry kind. */
            kind?: ("window"|"labels"|"deployment"|"log"|"gap"|"cmdResult"|"samples");

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

                /** Entry samples */
                samples?: (drover.v1.Samples.$Properties|null);

                /** Entry kind */
                kind?: ("window"|"labels"|"deployment"|"log"|"gap"|"cmdResult"|"samples");

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
              samples?: drover.v1.Samples.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; window?: null; labels?: null; deployment?: null; log?: null; gap?: null; cmdResult?: null; samples?: null }|{ kind?: "window"; window: drover.v1.Window.$Shape; labels?: null; deployment?: null; log?: null; gap?: null; cmdResult?: null; samples?: null }|{ kind?: "labels"; window?: null; labels: drover.v1.Labels.$Shape; deployment?: null; log?: null; gap?: null; cmdResult?: null; samples?: null }|{ kind?: "deployment"; window?: null; labels?: null; deployment: drover.v1.DeploymentReport.$Shape; log?: null; gap?: null; cmdResult?: null; samples?: null }|{ kind?: "log"; window?: null; labels?: null; deployment?: null; log: drover.v1.Log.$Shape; gap?: null; cmdResult?: null; samples?: null }|{ kind?: "gap"; window?: null; labels?: null; deployment?: null; log?: null; gap: drover.v1.Gap.$Shape; cmdResult?: null; samples?: null }|{ kind?: "cmdResult"; window?: null; labels?: null; deployment?: null; log?: null; gap?: null; cmdResult: drover.v1.CmdResult.$Shape; samples?: null }|{ kind?: "samples"; window?: null; labels?: null; deployment?: null; log?: null; gap?: null; cmdResult?: null; samples: drover.v1.Samples.$Shape })
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

            /** Window agreement. */
            agreement?: (drover.v1.Agreement.$Properties|null);

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

                /** Window agreement */
                agreement?: (drover.v1.Agreement.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Window. */
            type $Shape = drover.v1.Window.$Properties;
        }

        /**
         * Properties of an Agreement.
         * @deprecated Use drover.v1.Agreement.$Properties instead.
         */
        interface IAgreement extends drover.v1.Agreement.$Properties {
        }

        /** Represents an Agreement. */
        class Agreement {

            /**
             * Constructs a new Agreement.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Agreement.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Agreement compared. */
            compared?: (number|null);

            /** Agreement agreed. */
            agreed?: (number|null);

            /** Agreement skipped. */
            skipped?: (number|null);

            /** Agreement gap. */
            gap?: (number|null);

            /**
             * Encodes the specified Agreement message. Does not implicitly {@link drover.v1.Agreement.verify|verify} messages.
             * @param message Agreement message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Agreement.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Agreement message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Agreement & drover.v1.Agreement.$Shape} Agreement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Agreement & drover.v1.Agreement.$Shape;
        }

        namespace Agreement {

            /** Properties of an Agreement. */
            interface $Properties {

                /** Agreement compared */
                compared?: (number|null);

                /** Agreement agreed */
                agreed?: (number|null);

                /** Agreement skipped */
                skipped?: (number|null);

                /** Agreement gap */
                gap?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Agreement. */
            type $Shape = drover.v1.Agreement.$Properties;
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
         * Properties of a Samples.
         * @deprecated Use drover.v1.Samples.$Properties instead.
         */
        interface ISamples extends drover.v1.Samples.$Properties {
        }

        /** Represents a Samples. */
        class Samples {

            /**
             * Constructs a new Samples.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Samples.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Samples slot. */
            slot?: (string|null);

            /** Samples manifest. */
            manifest?: (Uint8Array|null);

            /** Samples withheld. */
            withheld: string[];

            /** Samples samples. */
            samples: drover.v1.Sample.$Properties[];

            /**
             * Encodes the specified Samples message. Does not implicitly {@link drover.v1.Samples.verify|verify} messages.
             * @param message Samples message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Samples.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Samples message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Samples & drover.v1.Samples.$Shape} Samples
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Samples & drover.v1.Samples.$Shape;
        }

        namespace Samples {

            /** Properties of a Samples. */
            interface $Properties {

                /** Samples slot */
                slot?: (string|null);

                /** Samples manifest */
                manifest?: (Uint8Array|null);

                /** Samples withheld */
                withheld?: (string[]|null);

                /** Samples samples */
                samples?: (drover.v1.Sample.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Samples. */
            type $Shape = drover.v1.Samples.$Properties;
        }

        /**
         * Properties of a Sample.
         * @deprecated Use drover.v1.Sample.$Properties instead.
         */
        interface ISample extends drover.v1.Sample.$Properties {
        }

        /** Represents a Sample. */
        class Sample {

            /**
             * Constructs a new Sample.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Sample.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Sample predictionId. */
            predictionId?: (string|null);

            /** Sample at. */
            at?: (number|null);

            /** Sample why. */
            why?: (string|null);

            /** Sample score. */
            score?: (number|null);

            /** Sample numbers. */
            numbers: number[];

            /** Sample texts. */
            texts: string[];

            /** Sample classIndex. */
            classIndex?: (number|null);

            /** Sample scores. */
            scores: number[];

            /** Sample value. */
            value?: (number|null);

            /**
             * Encodes the specified Sample message. Does not implicitly {@link drover.v1.Sample.verify|verify} messages.
             * @param message Sample message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Sample.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Sample message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Sample & drover.v1.Sample.$Shape} Sample
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Sample & drover.v1.Sample.$Shape;
        }

        namespace Sample {

            /** Properties of a Sample. */
            interface $Properties {

                /** Sample predictionId */
                predictionId?: (string|null);

                /** Sample at */
                at?: (number|null);

                /** Sample why */
                why?: (string|null);

                /** Sample score */
                score?: (number|null);

                /** Sample numbers */
                numbers?: (number[]|null);

                /** Sample texts */
                texts?: (string[]|null);

                /** Sample classIndex */
                classIndex?: (number|null);

                /** Sample scores */
                scores?: (number[]|null);

                /** Sample value */
                value?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Sample. */
            type $Shape = drover.v1.Sample.$Properties;
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

            /** Req bitmap. */
            bitmap?: (Uint8Array|null);

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

                /** Req bitmap */
                bitmap?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Req. */
            type $Shape = drover.v1.Req.$Properties;
        }

        /**
         * Properties of a MetadataReq.
         * @deprecated Use drover.v1.MetadataReq.$Properties instead.
         */
        interface IMetadataReq extends drover.v1.MetadataReq.$Properties {
        }

        /** Represents a MetadataReq. */
        class MetadataReq {

            /**
             * Constructs a new MetadataReq.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.MetadataReq.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** MetadataReq name. */
            name?: (string|null);

            /** MetadataReq request. */
            request?: (number|null);

            /** MetadataReq mostBytes. */
            mostBytes?: (number|null);

            /**
             * Encodes the specified MetadataReq message. Does not implicitly {@link drover.v1.MetadataReq.verify|verify} messages.
             * @param message MetadataReq message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.MetadataReq.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a MetadataReq message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.MetadataReq & drover.v1.MetadataReq.$Shape} MetadataReq
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.MetadataReq & drover.v1.MetadataReq.$Shape;
        }

        namespace MetadataReq {

            /** Properties of a MetadataReq. */
            interface $Properties {

                /** MetadataReq name */
                name?: (string|null);

                /** MetadataReq request */
                request?: (number|null);

                /** MetadataReq mostBytes */
                mostBytes?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a MetadataReq. */
            type $Shape = drover.v1.MetadataReq.$Properties;
        }

        /**
         * Properties of a Metadata.
         * @deprecated Use drover.v1.Metadata.$Properties instead.
         */
        interface IMetadata extends drover.v1.Metadata.$Properties {
        }

        /** Represents a Metadata. */
        class Metadata {

            /**
             * Constructs a new Metadata.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Metadata.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Metadata name. */
            name?: (string|null);

            /** Metadata request. */
            request?: (number|null);

            /** Metadata content. */
            content?: (Uint8Array|null);

            /** Metadata code. */
            code?: (string|null);

            /** Metadata detail. */
            detail?: (string|null);

            /**
             * Encodes the specified Metadata message. Does not implicitly {@link drover.v1.Metadata.verify|verify} messages.
             * @param message Metadata message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Metadata.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Metadata message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Metadata & drover.v1.Metadata.$Shape} Metadata
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Metadata & drover.v1.Metadata.$Shape;
        }

        namespace Metadata {

            /** Properties of a Metadata. */
            interface $Properties {

                /** Metadata name */
                name?: (string|null);

                /** Metadata request */
                request?: (number|null);

                /** Metadata content */
                content?: (Uint8Array|null);

                /** Metadata code */
                code?: (string|null);

                /** Metadata detail */
                detail?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Metadata. */
            type $Shape = drover.v1.Metadata.$Properties;
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

            /** Desired releases. */
            releases: drover.v1.Release.$Properties[];

            /** Desired offers. */
            offers: drover.v1.Offer.$Properties[];

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

                /** Desired releases */
                releases?: (drover.v1.Release.$Properties[]|null);

                /** Desired offers */
                offers?: (drover.v1.Offer.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Desired. */
            type $Shape = {
              document?: drover.v1.Dsse.$Shape|null;
              manifests?: drover.v1.Dsse.$Shape[]|null;
              releases?: drover.v1.Release.$Shape[]|null;
              offers?: drover.v1.Offer.$Shape[]|null;
              $unknowns?: Uint8Array[];
            };
        }

        /**
         * Properties of a Release.
         * @deprecated Use drover.v1.Release.$Properties instead.
         */
        interface IRelease extends drover.v1.Release.$Properties {
        }

        /** Represents a Release. */
        class Release {

            /**
             * Constructs a new Release.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Release.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Release manifest. */
            manifest?: (Uint8Array|null);

            /** Release path. */
            path?: (string|null);

            /**
             * Encodes the specified Release message. Does not implicitly {@link drover.v1.Release.verify|verify} messages.
             * @param message Release message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Release.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Release message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Release & drover.v1.Release.$Shape} Release
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Release & drover.v1.Release.$Shape;
        }

        namespace Release {

            /** Properties of a Release. */
            interface $Properties {

                /** Release manifest */
                manifest?: (Uint8Array|null);

                /** Release path */
                path?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Release. */
            type $Shape = drover.v1.Release.$Properties;
        }

        /**
         * Properties of an Offer.
         * @deprecated Use drover.v1.Offer.$Properties instead.
         */
        interface IOffer extends drover.v1.Offer.$Properties {
        }

        /** Represents an Offer. */
        class Offer {

            /**
             * Constructs a new Offer.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Offer.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Offer digest. */
            digest?: (Uint8Array|null);

            /** Offer sources. */
            sources: drover.v1.Source.$Properties[];

            /**
             * Encodes the specified Offer message. Does not implicitly {@link drover.v1.Offer.verify|verify} messages.
             * @param message Offer message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Offer.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Offer message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Offer & drover.v1.Offer.$Shape} Offer
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Offer & drover.v1.Offer.$Shape;
        }

        namespace Offer {

            /** Properties of an Offer. */
            interface $Properties {

                /** Offer digest */
                digest?: (Uint8Array|null);

                /** Offer sources */
                sources?: (drover.v1.Source.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Offer. */
            type $Shape = {
              digest?: Uint8Array|null;
              sources?: drover.v1.Source.$Shape[]|null;
              $unknowns?: Uint8Array[];
            };
        }

        /**
         * Properties of a Source.
         * @deprecated Use drover.v1.Source.$Properties instead.
         */
        interface ISource extends drover.v1.Source.$Properties {
        }

        /** Represents a Source. */
        class Source {

            /**
             * Constructs a new Source.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Source.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Source mirror. */
            mirror?: (drover.v1.Mirror.$Properties|null);

            /** Source neighbour. */
            neighbour?: (drover.v1.Neighbour.$Properties|null);

            /** Source delta. */
            delta?: (drover.v1.Delta.$Properties|null);

            /** Source sealed. */
            sealed?: (drover.v1.Sealed.$Properties|null);

            /** Source kind. */
            kind?: ("mirror"|"neighbour"|"delta"|"sealed");

            /**
             * Encodes the specified Source message. Does not implicitly {@link drover.v1.Source.verify|verify} messages.
             * @param message Source message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Source.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Source message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Source & drover.v1.Source.$Shape} Source
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Source & drover.v1.Source.$Shape;
        }

        namespace Source {

            /** Properties of a Source. */
            interface $Properties {

                /** Source mirror */
                mirror?: (drover.v1.Mirror.$Properties|null);

                /** Source neighbour */
                neighbour?: (drover.v1.Neighbour.$Properties|null);

                /** Source delta */
                delta?: (drover.v1.Delta.$Properties|null);

                /** Source sealed */
                sealed?: (drover.v1.Sealed.$Properties|null);

                /** Source kind */
                kind?: ("mirror"|"neighbour"|"delta"|"sealed");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of a Source. */
            type $Shape = {
              mirror?: drover.v1.Mirror.$Shape|null;
              neighbour?: drover.v1.Neighbour.$Shape|null;
              delta?: drover.v1.Delta.$Shape|null;
              sealed?: drover.v1.Sealed.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; mirror?: null; neighbour?: null; delta?: null; sealed?: null }|{ kind?: "mirror"; mirror: drover.v1.Mirror.$Shape; neighbour?: null; delta?: null; sealed?: null }|{ kind?: "neighbour"; mirror?: null; neighbour: drover.v1.Neighbour.$Shape; delta?: null; sealed?: null }|{ kind?: "delta"; mirror?: null; neighbour?: null; delta: drover.v1.Delta.$Shape; sealed?: null }|{ kind?: "sealed"; mirror?: null; neighbour?: null; delta?: null; sealed: drover.v1.Sealed.$Shape })
            );
        }

        /**
         * Properties of a Mirror.
         * @deprecated Use drover.v1.Mirror.$Properties instead.
         */
        interface IMirror extends drover.v1.Mirror.$Properties {
        }

        /** Represents a Mirror. */
        class Mirror {

            /**
             * Constructs a new Mirror.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Mirror.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Mirror url. */
            url?: (string|null);

            /**
             * Encodes the specified Mirror message. Does not implicitly {@link drover.v1.Mirror.verify|verify} messages.
             * @param message Mirror message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Mirror.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Mirror message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Mirror & drover.v1.Mirror.$Shape} Mirror
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Mirror & drover.v1.Mirror.$Shape;
        }

        namespace Mirror {

            /** Properties of a Mirror. */
            interface $Properties {

                /** Mirror url */
                url?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Mirror. */
            type $Shape = drover.v1.Mirror.$Properties;
        }

        /**
         * Properties of a Neighbour.
         * @deprecated Use drover.v1.Neighbour.$Properties instead.
         */
        interface INeighbour extends drover.v1.Neighbour.$Properties {
        }

        /** Represents a Neighbour. */
        class Neighbour {

            /**
             * Constructs a new Neighbour.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Neighbour.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Neighbour device. */
            device?: (string|null);

            /** Neighbour url. */
            url?: (string|null);

            /**
             * Encodes the specified Neighbour message. Does not implicitly {@link drover.v1.Neighbour.verify|verify} messages.
             * @param message Neighbour message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Neighbour.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Neighbour message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Neighbour & drover.v1.Neighbour.$Shape} Neighbour
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Neighbour & drover.v1.Neighbour.$Shape;
        }

        namespace Neighbour {

            /** Properties of a Neighbour. */
            interface $Properties {

                /** Neighbour device */
                device?: (string|null);

                /** Neighbour url */
                url?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Neighbour. */
            type $Shape = drover.v1.Neighbour.$Properties;
        }

        /**
         * Properties of a Delta.
         * @deprecated Use drover.v1.Delta.$Properties instead.
         */
        interface IDelta extends drover.v1.Delta.$Properties {
        }

        /** Represents a Delta. */
        class Delta {

            /**
             * Constructs a new Delta.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Delta.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Delta base. */
            base?: (Uint8Array|null);

            /** Delta recipe. */
            recipe?: (Uint8Array|null);

            /** Delta size. */
            size?: (number|null);

            /** Delta chunkList. */
            chunkList?: (Uint8Array|null);

            /**
             * Encodes the specified Delta message. Does not implicitly {@link drover.v1.Delta.verify|verify} messages.
             * @param message Delta message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Delta.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Delta message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Delta & drover.v1.Delta.$Shape} Delta
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Delta & drover.v1.Delta.$Shape;
        }

        namespace Delta {

            /** Properties of a Delta. */
            interface $Properties {

                /** Delta base */
                base?: (Uint8Array|null);

                /** Delta recipe */
                recipe?: (Uint8Array|null);

                /** Delta size */
                size?: (number|null);

                /** Delta chunkList */
                chunkList?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Delta. */
            type $Shape = drover.v1.Delta.$Properties;
        }

        /**
         * Properties of a Sealed.
         * @deprecated Use drover.v1.Sealed.$Properties instead.
         */
        interface ISealed extends drover.v1.Sealed.$Properties {
        }

        /** Represents a Sealed. */
        class Sealed {

            /**
             * Constructs a new Sealed.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Sealed.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Sealed digest. */
            digest?: (Uint8Array|null);

            /** Sealed size. */
            size?: (number|null);

            /** Sealed chunkList. */
            chunkList?: (Uint8Array|null);

            /** Sealed encapsulated. */
            encapsulated?: (Uint8Array|null);

            /** Sealed wrappedKey. */
            wrappedKey?: (Uint8Array|null);

            /**
             * Encodes the specified Sealed message. Does not implicitly {@link drover.v1.Sealed.verify|verify} messages.
             * @param message Sealed message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Sealed.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Sealed message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Sealed & drover.v1.Sealed.$Shape} Sealed
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Sealed & drover.v1.Sealed.$Shape;
        }

        namespace Sealed {

            /** Properties of a Sealed. */
            interface $Properties {

                /** Sealed digest */
                digest?: (Uint8Array|null);

                /** Sealed size */
                size?: (number|null);

                /** Sealed chunkList */
                chunkList?: (Uint8Array|null);

                /** Sealed encapsulated */
                encapsulated?: (Uint8Array|null);

                /** Sealed wrappedKey */
                wrappedKey?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Sealed. */
            type $Shape = drover.v1.Sealed.$Properties;
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

            /** Cmd chunkBusy. */
            chunkBusy?: (drover.v1.ChunkBusy.$Properties|null);

            /** Cmd listen. */
            listen?: (drover.v1.Listen.$Properties|null);

            /** Cmd unlisten. */
            unlisten?: (drover.v1.Unlisten.$Properties|null);

            /** Cmd offer. */
            offer?: (drover.v1.Offer.$Properties|null);

            /** Cmd kind. */
            kind?: ("requestState"|"pushLabels"|"chunkRefused"|"chunkBusy"|"listen"|"unlisten"|"offer");

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

                /** Cmd chunkBusy */
                chunkBusy?: (drover.v1.ChunkBusy.$Properties|null);

                /** Cmd listen */
                listen?: (drover.v1.Listen.$Properties|null);

                /** Cmd unlisten */
                unlisten?: (drover.v1.Unlisten.$Properties|null);

                /** Cmd offer */
                offer?: (drover.v1.Offer.$Properties|null);

                /** Cmd kind */
                kind?: ("requestState"|"pushLabels"|"chunkRefused"|"chunkBusy"|"listen"|"unlisten"|"offer");

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
              chunkBusy?: drover.v1.ChunkBusy.$Shape|null;
              listen?: drover.v1.Listen.$Shape|null;
              unlisten?: drover.v1.Unlisten.$Shape|null;
              offer?: drover.v1.Offer.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; requestState?: null; pushLabels?: null; chunkRefused?: null; chunkBusy?: null; listen?: null; unlisten?: null; offer?: null }|{ kind?: "requestState"; requestState: drover.v1.RequestState.$Shape; pushLabels?: null; chunkRefused?: null; chunkBusy?: null; listen?: null; unlisten?: null; offer?: null }|{ kind?: "pushLabels"; requestState?: null; pushLabels: drover.v1.PushLabels.$Shape; chunkRefused?: null; chunkBusy?: null; listen?: null; unlisten?: null; offer?: null }|{ kind?: "chunkRefused"; requestState?: null; pushLabels?: null; chunkRefused: drover.v1.ChunkRefused.$Shape; chunkBusy?: null; listen?: null; unlisten?: null; offer?: null }|{ kind?: "chunkBusy"; requestState?: null; pushLabels?: null; chunkRefused?: null; chunkBusy: drover.v1.ChunkBusy.$Shape; listen?: null; unlisten?: null; offer?: null }|{ kind?: "listen"; requestState?: null; pushLabels?: null; chunkRefused?: null; chunkBusy?: null; listen: drover.v1.Listen.$Shape; unlisten?: null; offer?: null }|{ kind?: "unlisten"; requestState?: null; pushLabels?: null; chunkRefused?: null; chunkBusy?: null; listen?: null; unlisten: drover.v1.Unlisten.$Shape; offer?: null }|{ kind?: "offer"; requestState?: null; pushLabels?: null; chunkRefused?: null; chunkBusy?: null; listen?: null; unlisten?: null; offer: drover.v1.Offer.$Shape })
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
         * Properties of a ChunkBusy.
         * @deprecated Use drover.v1.ChunkBusy.$Properties instead.
         */
        interface IChunkBusy extends drover.v1.ChunkBusy.$Properties {
        }

        /** Represents a ChunkBusy. */
        class ChunkBusy {

            /**
             * Constructs a new ChunkBusy.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.ChunkBusy.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** ChunkBusy digest. */
            digest?: (Uint8Array|null);

            /** ChunkBusy retryAfterMs. */
            retryAfterMs?: (number|null);

            /**
             * Encodes the specified ChunkBusy message. Does not implicitly {@link drover.v1.ChunkBusy.verify|verify} messages.
             * @param message ChunkBusy message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.ChunkBusy.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a ChunkBusy message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.ChunkBusy & drover.v1.ChunkBusy.$Shape} ChunkBusy
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.ChunkBusy & drover.v1.ChunkBusy.$Shape;
        }

        namespace ChunkBusy {

            /** Properties of a ChunkBusy. */
            interface $Properties {

                /** ChunkBusy digest */
                digest?: (Uint8Array|null);

                /** ChunkBusy retryAfterMs */
                retryAfterMs?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a ChunkBusy. */
            type $Shape = drover.v1.ChunkBusy.$Properties;
        }

        /**
         * Properties of a Listen.
         * @deprecated Use drover.v1.Listen.$Properties instead.
         */
        interface IListen extends drover.v1.Listen.$Properties {
        }

        /** Represents a Listen. */
        class Listen {

            /**
             * Constructs a new Listen.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Listen.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Listen digest. */
            digest?: (Uint8Array|null);

            /**
             * Encodes the specified Listen message. Does not implicitly {@link drover.v1.Listen.verify|verify} messages.
             * @param message Listen message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Listen.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Listen message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Listen & drover.v1.Listen.$Shape} Listen
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Listen & drover.v1.Listen.$Shape;
        }

        namespace Listen {

            /** Properties of a Listen. */
            interface $Properties {

                /** Listen digest */
                digest?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Listen. */
            type $Shape = drover.v1.Listen.$Properties;
        }

        /**
         * Properties of an Unlisten.
         * @deprecated Use drover.v1.Unlisten.$Properties instead.
         */
        interface IUnlisten extends drover.v1.Unlisten.$Properties {
        }

        /** Represents an Unlisten. */
        class Unlisten {

            /**
             * Constructs a new Unlisten.
             * @param [properties] Properties to set
             */
            constructor(properties?: drover.v1.Unlisten.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Unlisten digest. */
            digest?: (Uint8Array|null);

            /**
             * Encodes the specified Unlisten message. Does not implicitly {@link drover.v1.Unlisten.verify|verify} messages.
             * @param message Unlisten message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: drover.v1.Unlisten.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Unlisten message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {drover.v1.Unlisten & drover.v1.Unlisten.$Shape} Unlisten
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): drover.v1.Unlisten & drover.v1.Unlisten.$Shape;
        }

        namespace Unlisten {

            /** Properties of an Unlisten. */
            interface $Properties {

                /** Unlisten digest */
                digest?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Unlisten. */
            type $Shape = drover.v1.Unlisten.$Properties;
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
